"""The front and the client before our own server: one application, HTTP at one end and PEP 3333 at the other."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.util import request_uri
from wsgiref.validate import validator

import pytest
import requests

from gateways.client import Client, request
from gateways.errors import TruncatedResponse
from tests.support.fronting import GET, Fronted, fronting
from tests.support.serving import PATIENCE, Served, serving, until

MIB = 1 << 20


class Site:
    """The application; ``go_on`` is what its stream waits for."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.closed = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        page = getattr(self, environ["PATH_INFO"].strip("/") or "index", self.index)
        return page(environ, start_response)

    def index(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        url = request_uri(environ).encode("latin-1")
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(url)))])
        return [url]

    def echo(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        digest = hashlib.sha256()
        size = 0
        while block := environ["wsgi.input"].read(65536):
            digest.update(block)
            size += len(block)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{size} {digest.hexdigest()}".encode()]

    def unread(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"no"]

    def unchanged(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("304 Not Modified", [("ETag", '"x"')])
        return []

    def broken(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise RuntimeError("before the headers")

    def half(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"half"
        raise RuntimeError("after the headers")

    def short(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "9")])
        yield b"half"

    def stream(self, environ: dict[str, Any], start_response: Any) -> Stream:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Stream(self)


class Stream:
    """Blocks for as long as somebody takes them; the second waits for ``go_on``."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._count = 0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        self._count += 1
        if self._count > 1:
            assert self._site.go_on.wait(PATIENCE)
        return b"block\n" if self._count < 10000 else bytes(65536)

    def close(self) -> None:
        self._site.closed.set()


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture(params=["fastcgi", "scgi", "uwsgi", "ajp"])
def served(request: pytest.FixtureRequest, site: Site) -> Iterator[Served]:
    # SCGI and uwsgi over TCP, where a response that breaks off can be reset: they have no other sign for it.
    with serving(validator(site), request.param, tcp=request.param != "fastcgi") as running:
        yield running


def address_of(served: Served) -> str:
    """Return the address of a server as text."""
    return f"unix:{served.address}" if isinstance(served.address, str) else "{}:{}".format(*served.address)


@pytest.fixture
def fronted(served: Served) -> Iterator[Fronted]:
    with fronting(address_of(served), served.protocol) as front:
        yield front


@pytest.mark.parametrize("target", ["/", "/a%20b?x=1", "/%C3%A9/%FF", "//x//y", "/?", "/%25", "/a%2Fb"])
def test_the_application_knows_the_url_it_was_asked_by(target: str, fronted: Fronted) -> None:
    answer = fronted.ask(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n")
    url = b"http://example.test" + target.encode().replace(b"%2F", b"/")
    assert answer.endswith(b"\r\n" + (url[:-1] if target == "/?" else url))


@pytest.mark.parametrize("size", [0, 1, 65537, 10 * MIB])
def test_uploads(size: int, fronted: Fronted) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    expected = f"{size} {hashlib.sha256(body).hexdigest()}"
    assert requests.post(f"{fronted.url}/echo", data=body, timeout=PATIENCE).text == expected
    chunks = (body[start : start + 50000] for start in range(0, size, 50000))
    assert requests.post(f"{fronted.url}/echo", data=chunks, timeout=PATIENCE).text == expected


def test_an_upload_of_unknown_length_over_fastcgi(site: Site) -> None:
    """``wsgi.input_terminated``: the body is there although no CONTENT_LENGTH is."""
    with serving(validator(site)) as served:
        blocks = iter([b"x" * 100000, b"y"])
        with request("fastcgi", address_of(served), "POST", "/echo", body=blocks) as response:
            assert response.read().startswith(b"100001 ")


def test_an_upload_that_is_not_read(fronted: Fronted) -> None:
    for _ in range(2):
        response = requests.post(f"{fronted.url}/unread", data=bytes(10 * MIB), timeout=PATIENCE)
        assert (response.status_code, response.text) == (403, "no")


def test_responses_without_a_body(fronted: Fronted) -> None:
    with requests.Session() as session:
        for _ in range(2):
            response = session.get(f"{fronted.url}/unchanged", timeout=PATIENCE)
            assert (response.status_code, response.headers["ETag"], response.content) == (304, '"x"', b"")
            response = session.head(fronted.url, timeout=PATIENCE)
            assert (response.status_code, response.content) == (200, b"")
            assert int(response.headers["Content-Length"]) > 0


def test_a_stream_arrives_block_by_block(site: Site, fronted: Fronted) -> None:
    with requests.get(f"{fronted.url}/stream", stream=True, timeout=PATIENCE) as response:
        lines = response.iter_lines(chunk_size=1)
        assert next(lines) == b"block"
        site.go_on.set()
        assert next(lines) == b"block"
    assert site.closed.wait(PATIENCE), "the client has gone, and the application is told"


def test_an_application_that_fails(fronted: Fronted, served: Served) -> None:
    response = requests.get(f"{fronted.url}/broken", timeout=PATIENCE)
    assert response.status_code == 500
    assert "Traceback" not in response.text
    if served.protocol == "fastcgi":
        until(lambda: "RuntimeError: before the headers" in fronted.log, "for FCGI_STDERR in the front's log")


@pytest.mark.parametrize("page", ["half", "short"])
def test_half_a_response_never_looks_whole(page: str, fronted: Fronted, served: Served) -> None:
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        _ = requests.get(f"{fronted.url}/{page}", timeout=PATIENCE).content
    with (
        request(served.protocol, address_of(served), target=f"/{page}") as response,
        pytest.raises(TruncatedResponse),
    ):
        response.read()


def test_connections_are_kept(site: Site) -> None:
    with serving(site) as served, fronting(address_of(served)) as front:
        for _ in range(3):
            requests.get(front.url, timeout=PATIENCE)
            until(lambda: len(front.front.client._idle) == 1)  # it is given back behind the answer
        with Client("fastcgi", address_of(served)) as client:
            for _ in range(3):
                with client.request("POST", "/unread", body=bytes(100000)) as response:
                    assert response.read() == b"no"


def test_a_server_that_stops_ends_kept_connections(site: Site) -> None:
    """And the front opens new ones when it is back."""
    with serving(site) as served, fronting(address_of(served)) as front:
        with front.connect() as sock:
            sock.sendall(GET)
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        served.stop()
        assert requests.get(front.url, timeout=PATIENCE).status_code == 502
        until(lambda: "502" in front.log)
