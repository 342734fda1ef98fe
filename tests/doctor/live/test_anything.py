"""What is found at a site with any application."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateways.doctor.live import anything
from gateways.doctor.live.anything import UPLOAD, examine
from gateways.doctor.live.exchange import Answer, Site
from tests.support.serving import PATIENCE, serving

FINE = Answer(200, "OK", (), b"", 0.0)
ENDLESS = replace(FINE, endless=True)


def found(application, first=FINE, **settings):
    with serving(application, "http", tcp=True, **settings) as served:
        return list(examine(Site(f"http://127.0.0.1:{served.address[1]}/", PATIENCE), first))


class Picky:
    """Answers as told for what ``refuses`` says, and else with 404; ``posts`` are the paths of uploads."""

    def __init__(self, status="200 OK", refuses=lambda environ, size: False):
        self.status = status
        self.refuses = refuses
        self.posts = []

    def __call__(self, environ, start_response):
        size = len(environ["wsgi.input"].read())
        if environ["REQUEST_METHOD"] == "POST":
            self.posts.append(environ["PATH_INFO"])
        usual = "404 Not Found" if environ["PATH_INFO"].startswith("/gateways-doctor") else "200 OK"
        start_response(self.status if self.refuses(environ, size) else usual, [("Content-Type", "text/plain")])
        return [b"x"]


def test_nothing_is_wrong_and_nothing_is_changed():
    application = Picky()
    assert found(application) == []
    assert len(application.posts) == 3
    assert all(path.startswith("/gateways-doctor-") for path in application.posts)


@pytest.mark.parametrize(
    ("status", "refuses", "code"),
    [
        ("413 Too Large", lambda environ, size: size >= UPLOAD, "body-limit"),
        ("500 Internal Server Error", lambda environ, size: size >= UPLOAD, "body-limit"),
        ("411 Length Required", lambda environ, size: size == 2 * 65536, "body-unmeasured"),
        ("400 Bad Request", lambda environ, size: len(environ.get("HTTP_COOKIE", "")) > 5000, "request-headers"),
    ],
)
def test_what_is_refused(status, refuses, code):
    [finding] = found(Picky(status, refuses))
    assert finding.code == code
    assert status[:3] in finding.what


def test_an_application_that_takes_no_uploads_at_all():
    assert found(Picky("405 Method Not Allowed", lambda environ, size: environ["REQUEST_METHOD"] == "POST")) == []


def test_a_limit_of_the_backend():
    finding, *_ = found(Picky(), max_body_size=1000)
    assert finding.code == "body-limit"


def test_a_slow_page():
    [finding] = found(Picky(), Answer(200, "OK", (), b"", 9.0))
    assert (finding.code, "9.0 s" in finding.what) == ("url-slow", True)


@pytest.mark.parametrize(("nowhere", "methods"), [(FINE, ["POST"] * 3), (ENDLESS, ["POST"])])
def test_what_has_no_end_is_not_asked_again(monkeypatch, nowhere, methods):
    asked = []

    def ask(self, method="GET", path="/", headers=None, body=None):
        asked.append(method)
        return nowhere

    monkeypatch.setattr(anything.Site, "ask", ask)
    assert list(examine(Site("http://example.org/", PATIENCE), ENDLESS)) == []
    assert asked == methods


def test_http_beside_https(monkeypatch):
    asked = []

    def ask(self, method="GET", path="/", headers=None, body=None):
        asked.append((self.url, method))
        return FINE

    monkeypatch.setattr(anything.Site, "ask", ask)
    [finding] = examine(Site("https://example.org/app/", PATIENCE), FINE)
    assert finding.code == "http-not-redirected"
    assert asked[-1] == ("http://example.org/app/", "GET")
    assert list(examine(Site("https://example.org:8443/", PATIENCE), FINE)) == []
