"""ASGI applications (``interface = "asgi"``) behind everything that serves WSGI, through the package a2wsgi.

bridge.py    the WSGI application that is made of an ASGI application, and the event loop that it runs in
exchange.py  one request on both sides: the serving thread's and the loop's
lifespan.py  startup and shutdown, which a2wsgi does not know
scope.py     environ -> scope
"""

from __future__ import annotations

from gateways.asgi.bridge import Bridge

__all__ = ["Bridge"]
