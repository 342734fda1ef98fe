"""The certificate of a server, read and checked before the first client comes, and read again when it was renewed."""

from __future__ import annotations

import os
import ssl
import sys
from typing import TYPE_CHECKING

from gateways.errors import ConfigError
from gateways.server.tlssocket import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence


class Tls:
    """What a listener needs to speak TLS: the ``context``, made of the files ``certfile`` and ``keyfile``.

    ``certfile`` holds the certificate of the server and those between it and a known authority, in PEM; ``keyfile`` the
    private key without a passphrase, and is None when the key is in ``certfile``. TLS 1.2 is the least that is spoken
    (RFC 8996). Raises ``ConfigError`` for files that are missing, unreadable, or do not belong together.
    """

    def __init__(self, certfile: str, keyfile: str | None = None, protocols: Sequence[str] = ("http/1.1",)) -> None:
        self._certfile = os.path.abspath(certfile)
        self._keyfile = os.path.abspath(keyfile) if keyfile is not None else None
        self._protocols = list(protocols)
        _keep_quiet()
        self.context = self._load()

    def renew(self) -> None:
        """Read the files again, for the connections from now on. Raises ``ConfigError``, and goes on with the old."""
        self.context = self._load()

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
        # A client that could have the keys renewed again and again would cost us more than itself.
        context.options |= getattr(ssl, "OP_NO_RENEGOTIATION", 0)
        context.set_alpn_protocols(self._protocols)
        context.sslobject_class = Engine
        context.sni_callback = _remember
        self._check_readable("certfile", self._certfile)
        if self._keyfile is not None:
            self._check_readable("keyfile", self._keyfile)
        try:
            context.load_cert_chain(self._certfile, self._keyfile, _no_passphrase)
        except _LockedError:
            raise self._wrong("the key has a passphrase, which nobody can type here; store it without") from None
        except ssl.SSLError as error:
            raise self._wrong(self._explain(error)) from None
        return context

    def _check_readable(self, setting: str, path: str) -> None:
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise ConfigError(f"{setting}: {path} cannot be read: {error.strerror}") from None

    def _wrong(self, text: str) -> ConfigError:
        if self._keyfile is None:
            return ConfigError(f"certfile: {self._certfile}: {text}")
        return ConfigError(f"keyfile: {self._keyfile} with certfile {self._certfile}: {text}")

    def _explain(self, error: ssl.SSLError) -> str:
        reason = error.reason or ""
        if "MISMATCH" in reason:
            return "the key is that of another certificate"
        # OpenSSL says only that it found nothing, not in which of the two files.
        missing = [what for what, mark, path in self._contents() if not _has(path, mark)]
        if missing:
            return f"there is no {' and no '.join(missing)} in PEM form (-----BEGIN ...)"
        return f"OpenSSL cannot use it: {reason.lower().replace('_', ' ') or error}"

    def _contents(self) -> list[tuple[str, bytes, str]]:
        return [
            ("certificate", b"CERTIFICATE-----", self._certfile),
            ("private key", b"PRIVATE KEY-----", self._keyfile or self._certfile),
        ]


class _LockedError(Exception):
    """The key is encrypted."""


def _no_passphrase() -> str:
    """Refuse: without this OpenSSL would ask at the terminal, and wait."""
    raise _LockedError


def _has(path: str, mark: bytes) -> bool:
    with open(path, "rb") as file:
        return mark in file.read(1 << 20)


def _remember(engine: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
    """Keep the name that the client asked for (SNI); whatever it is, there is one certificate."""
    if isinstance(engine, Engine):
        engine.asked = name


def _keep_quiet() -> None:
    """Have no traceback printed for a name (SNI) that is not ASCII: Python cannot raise what is wrong with it.

    The handshake fails, and whoever reads from the connection says so in one line.
    """
    before = sys.unraisablehook
    if getattr(before, "__module__", "") == __name__:
        return

    def hook(unraisable: sys.UnraisableHookArgs, /) -> None:
        about_name = isinstance(unraisable.object, bytes) or "servername" in (unraisable.err_msg or "")
        if not (isinstance(unraisable.exc_value, UnicodeDecodeError) and about_name):
            before(unraisable)

    sys.unraisablehook = hook
