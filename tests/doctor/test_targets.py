"""Which examination a text of the command line asks for."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gateways.doctor.targets import CONFIGURATION, DIRECTORY, HTACCESS, LOG, SCRIPT, SOCKET, URL, kind_of
from gateways.errors import ConfigError


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("http://example.org/app", URL),
        ("https://example.org", URL),
        ("HTTP://example.org/", URL),
        ("unix:/run/nothing.sock", SOCKET),
        ("127.0.0.1:9000", SOCKET),
        ("[::1]:9000", SOCKET),
        (":9000", SOCKET),
        ("@name", SOCKET),
    ],
)
def test_what_is_no_file(what: str, kind: str) -> None:
    assert kind_of(what) == kind


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("app.cgi", b"", SCRIPT),
        ("app.fcgi", b"print()", SCRIPT),
        ("app.py", b"", SCRIPT),
        ("index", b"#!/bin/sh\n", SCRIPT),
        ("index", b"\xef\xbb\xbf#!/bin/sh\n", SCRIPT),
        ("index", b"\n#!/bin/sh\n", SCRIPT),
        (".htaccess", b"", HTACCESS),
        ("fcgid.htaccess", b"", HTACCESS),
        ("error.log", b"", LOG),
        ("error_log", b"", LOG),
        ("app.log.1", b"", LOG),
        ("nginx.conf", b"# a comment\n", CONFIGURATION),
        ("Caddyfile", b"", CONFIGURATION),
    ],
)
def test_a_file(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert kind_of(str(path)) == kind


def test_a_directory_and_a_socket(tmp_path: Path) -> None:
    assert kind_of(str(tmp_path)) == DIRECTORY
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
        assert kind_of(str(tmp_path / "socket")) == SOCKET


def test_a_file_is_not_taken_for_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "example.com").mkdir()
    for what in ("example.com/app", "absent", "/srv/example.com/app", "app.conf", "app.cgi", "error.log"):
        with pytest.raises(ConfigError) as caught:
            kind_of(what)
        assert "http" not in str(caught.value)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("{0}/ap.cgi", "there is no such file; did you mean {0}/app.cgi?"),
        ("{0}/absent/x.cgi", "there is no such file"),
        ("example.com/app", "there is no such file; if it is a URL, give http://example.com/app or https://exa"),
        ("example.com", "give http://example.com or"),
        ("localhost:8000/app", "give http://localhost:8000/app or"),
        ("127.0.0.1:8000/app", "give http://127.0.0.1:8000/app or"),
        ("x:y", "is not an address"),
        ("/dev/null", "neither a file"),
        ("{0}/program", "is no text"),
        ("{0}/error.log.2.gz", "is compressed: zcat {0}/error.log.2.gz > "),
        ("{0}/loop", "run as a user who may see it"),
    ],
)
def test_what_cannot_be_examined(tmp_path: Path, what: str, message: str) -> None:
    (tmp_path / "app.cgi").touch()
    (tmp_path / "program").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "error.log.2.gz").write_bytes(b"\x1f\x8b\x08\0")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError) as caught:
        kind_of(what.format(tmp_path))
    assert message.format(tmp_path) in str(caught.value)
