"""The uwsgi protocol, both sides of it, without I/O."""

from gateways.adapters.uwsgi.server import ServerConnection

__all__ = ["ServerConnection"]
