"""SCGI, both sides of it, without I/O."""

from gateways.adapters.scgi.server import ServerConnection

__all__ = ["ServerConnection"]
