"""Every error of the package, told apart by who is at fault.

A ``GatewayError`` carries one line for a person: what happened, where, and what to do. The command line prints that
line and exits with the error's ``exit_code``; a transport answers a ``ProtocolError`` with its ``status``.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Base of all errors raised by gateways.

    ``exit_code`` is what ``gateways serve`` exits with when the error ends the process.
    """

    exit_code = 1


class ConfigError(GatewayError):
    """A flag, an environment variable or a setting has a value that cannot be used."""

    exit_code = 2


class BootError(GatewayError):
    """The application cannot be loaded: it is unknown, does not import, or is not callable."""

    exit_code = 3


class BindError(GatewayError):
    """An address cannot be listened on: in use, not permitted, no such directory.

    ``errno`` is what the system has said, where it has said something.
    """

    exit_code = 4
    errno: int | None = None


class ConnectError(GatewayError, ConnectionError):
    """A backend cannot be reached: nothing listens there, no permission, no such file, or no answer in time."""

    exit_code = 5


class ProtocolError(GatewayError):
    """The peer sent bytes the protocol does not allow.

    ``status`` is the answer a web server can pass on (``"400 Bad Request"``), or ``""`` when the bytes leave nothing to
    answer to and the connection can only be closed.
    """

    def __init__(self, message: str, status: str = "") -> None:
        super().__init__(message)
        self.status = status


class BodyTooLarge(ProtocolError):
    """The body of the request in hand passes ``max_body_size`` (bytes). Raised to the application by ``wsgi.input``."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "413 Content Too Large")


class HeadTooLarge(GatewayError):
    """Status and headers of a response are more than the transport can send. Raised before anything was sent."""


class TruncatedResponse(ProtocolError):
    """A backend ended the connection before its answer was complete."""


class BackendTimeout(GatewayError, TimeoutError):
    """A backend neither took nor sent a byte for as long as the client was told to wait."""

    exit_code = 6


class ClientDisconnected(GatewayError, ConnectionError):
    """The client or the web server went away while the request was in hand.

    Raised to the application from ``wsgi.input`` and ``write()``. It is an ``OSError``, which is what frameworks
    expect of a broken upload.
    """


class MalformedBody(ClientDisconnected):
    """The request body breaks the protocol, and nothing more of it can be read: the answer is ``400 Bad Request``."""
