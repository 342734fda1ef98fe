"""Requests to a site, and what comes back."""

from __future__ import annotations

import socket
from threading import Event

import pytest

from gateways.doctor.live import exchange
from gateways.doctor.live.exchange import MAX_BODY, Site, _read
from gateways.errors import ConfigError
from tests.support.backends import dripping, scripted
from tests.support.serving import PATIENCE, Recorder, serving


def site(served, path="/"):
    return Site(f"http://127.0.0.1:{served.address[1]}{path}", PATIENCE)


@pytest.mark.parametrize(
    ("url", "named", "path"),
    [
        ("http://example.org", "example.org", ""),
        ("http://example.org:80/", "example.org", ""),
        ("https://example.org:443/app/", "example.org", "/app"),
        ("http://example.org:8080/a b/é?x=1", "example.org:8080", "/a%20b/%C3%A9"),
        ("http://[::1]:81/a%2Fb", "[::1]:81", "/a%2Fb"),
    ],
)
def test_urls(url, named, path):
    assert (Site(url, 1.0).named, Site(url, 1.0).path) == (named, path)


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://a]b/", "http://x:99999/", "http://:80/"])
def test_what_is_no_url(url):
    with pytest.raises(ConfigError):
        Site(url, 1.0)


def test_it_is_sent_as_it_is_meant():
    application = Recorder()
    with serving(application, "http", tcp=True) as served:
        there = site(served, "/app")
        answer = there.ask("PUT", "/a//b/../c%2F?q=%41", {"X-Y": "z"}, b"body")
        environ = application.seen[0].environ
    assert (answer.status, answer.body, answer.whole) == (200, b"got body", True)
    assert answer.header("content-type") == "text/plain"
    assert environ["REQUEST_URI"] == "/app/a//b/../c%2F?q=%41"
    assert (environ["REQUEST_METHOD"], environ["HTTP_X_Y"], environ["HTTP_HOST"]) == ("PUT", "z", there.named)
    assert there.ours == "127.0.0.1"


def test_a_body_without_a_length():
    application = Recorder()
    with serving(application, "http", tcp=True) as served:
        assert site(served).ask("POST", "/", {}, iter([b"a", b"b"])).body == b"got ab"
        assert application.seen[0].environ.get("CONTENT_LENGTH", "") in ("", "2")


def test_an_answer_before_the_body_is_read():
    def refuse(peer):
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        peer.sock.shutdown(socket.SHUT_WR)
        while peer.sock.recv(65536):
            pass

    with scripted(refuse, tcp=True) as backend:
        answer = Site(f"http://{backend.address}/", PATIENCE).ask("POST", "/", {}, b"x" * (4 << 20))
    assert (answer.status, answer.body) == (413, b"no")


def test_an_answer_that_breaks_off():
    def break_off(peer):
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf")

    with scripted(break_off, tcp=True) as backend:
        answer = Site(f"http://{backend.address}/", PATIENCE).ask()
    assert (answer.whole, answer.body) == (False, b"half")


def test_a_page_without_an_end_is_cut():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (b"x" * 65536 for _ in range(64))

    with serving(application, "http", tcp=True) as served:
        assert len(site(served).ask().body) == MAX_BODY


@pytest.mark.parametrize("end", [b"", b"Content-Length: 9\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_of_an_event_stream_the_beginning_is_taken(end):
    piece = b"8\r\ndata: x\n\r\n" if b"chunked" in end else b"data: x\n"

    def stream(peer):
        peer.sock.recv(1000)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + end + b"\r\n" + piece)
        peer.wait_for_close()

    with scripted(stream, tcp=True) as backend:
        answer = Site(f"http://{backend.address}/", PATIENCE).ask()
    assert (answer.body[:5], answer.whole, answer.endless) == (b"data:", True, False)


class Silent:
    """An answer that says ``beginning``, and no more."""

    length = None

    def __init__(self, beginning, kind, error=socket.timeout):
        self.pieces = [beginning] if beginning else []
        self.kind = kind
        self.error = error

    def getheader(self, name):
        return self.kind

    def read1(self, size):
        if not self.pieces:
            raise self.error("timed out")
        return self.pieces.pop()


def test_silence():
    over = Event()
    assert _read(Silent(b"", "text/event-stream"), over) == (b"", True, False)
    assert _read(Silent(b"x", None), over) == (b"x", True, True)
    with pytest.raises(socket.timeout):
        _read(Silent(b"", "text/html"), over)


def test_a_reset():
    """It is the end of what we have ended, and else one of the peer."""
    over = Event()
    with pytest.raises(ConnectionResetError):
        _read(Silent(b"x", None, ConnectionResetError), over)
    over.set()
    assert _read(Silent(b"x", None, ConnectionResetError), over) == (b"x", True, True)


class Clock:
    """A timer that goes off when it is told to."""

    last: Clock

    def __init__(self, seconds, function, args):
        Clock.last = self
        self.fire = lambda: function(*args)

    def start(self):
        """What a timer has."""

    cancel = join = start


@pytest.mark.parametrize("head", [b"", b"Content-Length: 99999\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_body_that_drips_for_ever_is_left(monkeypatch, head):
    def read(response, over):
        Clock.last.fire()
        return _read(response, over)

    monkeypatch.setattr(exchange, "Timer", Clock)
    monkeypatch.setattr(exchange, "_read", read)
    with scripted(dripping(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n"), tcp=True) as backend:
        answer = Site(f"http://{backend.address}/", PATIENCE).ask()
    assert (answer.status, answer.endless, answer.whole) == (200, True, True)


def test_headers_that_drip_for_ever_are_left(monkeypatch):
    monkeypatch.setattr(exchange, "LONGEST", 0.5 / PATIENCE)
    with (
        scripted(dripping(b"HTTP/1.1 200 OK\r\nX-Y: "), tcp=True) as backend,
        pytest.raises(OSError, match="has not begun"),
    ):
        Site(f"http://{backend.address}/", PATIENCE).ask()


def test_a_stream():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"a", b"b"]

    with serving(application, "http", tcp=True) as served:
        status, seconds = site(served).stream("/", {})
    assert status == 200
    assert seconds >= 0


def test_a_password_is_not_printed() -> None:
    site = Site("http://me:secret@example.org:81/", 1.0)
    assert (site.url, site.named) == ("http://me:***@example.org:81/", "example.org:81")
