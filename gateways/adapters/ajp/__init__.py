"""AJP13, both sides of it, without I/O."""

from gateways.adapters.ajp.server import ServerConnection

__all__ = ["ServerConnection"]
