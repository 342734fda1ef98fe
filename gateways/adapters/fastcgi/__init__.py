"""FastCGI 1.0, both sides of it, without I/O."""

from gateways.adapters.fastcgi.server import ServerConnection

__all__ = ["ServerConnection"]
