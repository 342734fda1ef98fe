"""A reload reads the certificate again, in the master: its key may be root's. One that is wrong changes nothing."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.support import tls
from tests.support.managing import Managed, managing
from tests.support.serving import connect, until

TRUSTING = tls.context(tls.CERTIFICATE, tls.RENEWED)


def store(path: Path, *files: str) -> None:
    path.write_text("".join(Path(file).read_text(encoding="ascii") for file in files), encoding="ascii")


def served(managed: Managed) -> str:
    """Return the name in the certificate that a new connection gets, after a request on it."""
    with tls.shake(connect(socket.AF_UNIX, f"{managed.directory}/http"), TRUSTING) as sock:
        sock.sendall(b"GET /pid HTTP/1.0\r\n\r\n")
        assert sock.recv(8) == b"HTTP/1.1"
        subject = dict(pair[0] for pair in sock.getpeercert()["subject"])  # type: ignore[index, arg-type, misc, union-attr]
        return str(subject["commonName"])


@pytest.mark.parametrize("more", [(), ("--preload",)], ids=["", "preload"])
def test_H63_a_reload_serves_the_renewed_certificate(tmp_path: Path, more: tuple[str, ...]) -> None:
    path = tmp_path / "both.pem"
    store(path, tls.CERTIFICATE, tls.KEY)
    with managing("--workers", "1", "--http", "unix:{dir}/http", "--certfile", str(path), *more) as managed:
        assert served(managed) == "server.example.test"
        store(path, tls.RENEWED, tls.KEY)
        managed.signal(signal.SIGHUP)
        managed.until("generation 2 serves")
        assert "of another certificate; the certificate from before is used on" in managed.log
        assert served(managed) == "server.example.test"
        store(path, tls.RENEWED, tls.RENEWED_KEY)
        managed.signal(signal.SIGHUP)
        managed.until("generation 3 serves")
        until(lambda: served(managed) == "renewed.example.test")
