"""Health checks, asked as HAProxy asks them."""

from __future__ import annotations

import pytest

from gateways.doctor import haproxy
from gateways.doctor.haproxy.health import question
from gateways.doctor.haproxy.places import places
from gateways.doctor.haproxy.syntax import Reader
from gateways.doctor.targets import Options
from tests.doctor.asked import read_with
from tests.doctor.haproxy.written import FASTCGI, HTTP, changed
from tests.support.serving import PATIENCE, serving


def asked(tmp_path, lines):
    [place] = places(read_with(Reader, tmp_path / "a.cfg", f"backend b\n{lines}\n"))
    return question(place)


@pytest.mark.parametrize(
    ("lines", "method", "target", "headers"),
    [
        ("option httpchk", "OPTIONS", "/", []),
        ("option httpchk /x", "OPTIONS", "/x", []),
        ("option httpchk GET /x HTTP/1.1", "GET", "/x", []),
        ("option httpchk\nhttp-check send meth GET uri /x ver HTTP/1.1 hdr Host a", "GET", "/x", [("Host", "a")]),
    ],
)
def test_the_request(tmp_path, lines, method, target, headers):
    found = asked(tmp_path, lines)
    assert (found.method, found.target, found.headers) == (method, target, headers)
    assert [found.is_satisfied(status) for status in (200, 302, 404)] == [True, True, False]


@pytest.mark.parametrize(
    ("expected", "good"),
    [("status 200", [200]), ("status 200-299,404", [200, 204, 404]), ("! status 500-599", [200, 204, 404])],
)
def test_what_is_expected(tmp_path, expected, good):
    found = asked(tmp_path, f"option httpchk\nhttp-check expect {expected}")
    assert [status for status in (200, 204, 404, 500) if found.is_satisfied(status)] == good
    assert found.where.endswith(":3")


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "no option httpchk",
        "option httpchk OPTIONS *",
        "option httpchk\nhttp-check expect string fine",
        "option httpchk\nhttp-check expect status good",
        "option httpchk\nhttp-check connect port 81",
    ],
)
def test_what_cannot_be_told(tmp_path, lines):
    assert asked(tmp_path, lines) is None


class Checked:
    """An application that has one page, and wants a Host for it."""

    def __init__(self):
        self.hosts = []

    def __call__(self, environ, start_response):
        host = environ.get("HTTP_HOST")
        self.hosts.append(host)
        there = environ["PATH_INFO"] == "/ping" and host == "example.org"
        start_response("200 OK" if there else "500 Nothing There", [("Content-Length", "0")])
        return []


CHECK = "    option httpchk\n    http-check send meth GET uri {} ver HTTP/1.1{}\n    http-check expect status 200\n"


@pytest.mark.parametrize("proto", ["fastcgi", "http"])
@pytest.mark.parametrize(
    ("check", "sent"),
    [
        (CHECK.format("/ping", " hdr Host example.org"), None),
        (CHECK.format("/pong", " hdr Host example.org"), "GET /pong for example.org"),
        (CHECK.format("/ping", ""), "GET /ping without a Host"),
        ("    option httpchk\n", "OPTIONS / without a Host"),
    ],
)
def test_the_answer(tmp_path, monkeypatch, proto, check, sent):
    monkeypatch.setattr("gateways.doctor.sockets.UNIT_DIRECTORIES", ())
    path = tmp_path / "a.cfg"
    text = FASTCGI if proto == "fastcgi" else HTTP
    options = Options(user="root", timeout=PATIENCE)
    application = Checked()
    with serving(application, proto) as served:
        line = f"server one {served.address}" + (" proto fcgi" if proto == "fastcgi" else "")
        old = "server one 127.0.0.1:9000 proto fcgi" if proto == "fastcgi" else "server one 127.0.0.1:8000"
        path.write_text(changed(text, (old, f"{line} check"), ("backend app\n", f"backend app\n{check}")))
        found = [finding for finding in haproxy.examine(str(path), options) if finding.severity == "error"]
        hosts = list(application.hosts)
        path.write_text(path.read_text().replace(f"{line} check", line))
        unchecked = [finding for finding in haproxy.examine(str(path), options) if finding.severity == "error"]
    assert unchecked == []
    assert [finding.code for finding in found] == ([] if sent is None else ["health-check"])
    if sent is not None:
        assert f"({sent}) is answered " in found[0].what
    if sent == "OPTIONS / without a Host":
        assert None in hosts
