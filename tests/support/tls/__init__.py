"""Certificates of example.test and localhost, valid until the year 2120: of no use to anybody but these tests.

``locked.key`` is the key of ``server.crt`` with a passphrase; ``renewed`` are a certificate and a key of their own.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

DIRECTORY = Path(__file__).parent
CERTIFICATE, KEY = str(DIRECTORY / "server.crt"), str(DIRECTORY / "server.key")
RENEWED, RENEWED_KEY = str(DIRECTORY / "renewed.crt"), str(DIRECTORY / "renewed.key")
LOCKED_KEY = str(DIRECTORY / "locked.key")


def context(*certificates: str) -> ssl.SSLContext:
    """Return what a client needs that trusts these certificates, by default that of the server."""
    made = ssl.create_default_context()
    for certificate in certificates or (CERTIFICATE,):
        made.load_verify_locations(certificate)
    return made


def shake(sock: socket.socket, made: ssl.SSLContext | None = None) -> ssl.SSLSocket:
    """Return ``sock`` as the client's side of TLS, after the handshake."""
    return (made or context()).wrap_socket(sock, server_hostname="example.test")
