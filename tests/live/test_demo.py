"""Click through cgi-bin/app.py, as a person who has just deployed it does; and see that its source stays hidden."""

from __future__ import annotations

import hashlib
import http.client
import re
import time
from html import unescape
from html.parser import HTMLParser

import pytest

from tests.live.deployments import where
from tests.live.differences import NO_LENGTH, known
from tests.live.sandbox import PROJECT
from tests.live.site import Site

CGI_BIN = ("apache/cgi.conf", "lighttpd/cgi.conf")
VOID = ("meta", "input", "br", "link", "img", "hr")


class Checker(HTMLParser):
    """Fails on tags that are not closed in their order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def test_every_link_of_the_first_page(site: Site) -> None:
    first = site.get("/", app="demo")
    assert first.status_code == 200
    assert site.url("/") in unescape(first.text)
    links = [unescape(link) for link in re.findall(r'<li><a href="([^"]*)"', first.text)]
    assert len(links) == 7
    for link in links:
        assert link.startswith(f"{site.mount}/")
        path = link[len(site.mount) :]
        if path == "/error-late":
            continue
        response = site.get(path, app="demo")
        expected = {"/error": 500, "/redirect": 303, "/a%20b/%C3%A9?q=%2F": 404}.get(path, 200)
        assert response.status_code == expected, path
        if expected < 500:
            Checker(response.text)
        if expected == 404:
            assert "<code>/a b/é</code>" in response.text


def test_redirect_leads_to_the_request_page(site: Site) -> None:
    response = site.get("/redirect", app="demo", allow_redirects=True)
    assert (response.status_code, response.url) == (200, site.url("/request?redirected=yes"))
    assert "redirected=yes" in response.text


def test_form_with_an_upload(site: Site) -> None:
    content = bytes(range(256)) * 1000
    response = site.request("POST", "/form", app="demo", data={"text": "<Grüße>"}, files={"file": ("a b.bin", content)})
    assert response.status_code == 200
    assert "&lt;Grüße&gt;" in response.text
    assert f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}" in response.text


def test_page_that_breaks_off(site: Site) -> None:
    try:
        status, _ = site.raw("GET", f"{site.mount}/error-late", {"X-Application": "demo"})
    except (http.client.IncompleteRead, ConnectionResetError):
        return
    assert status >= 500 or known(site.deployment, NO_LENGTH)


@where(lambda deployment: not known(deployment, "stream held back"))
def test_streamed_page_arrives_line_by_line(site: Site) -> None:
    """The page takes two seconds from its first line to its last: so it does for the client."""
    with site.get("/stream", app="demo", stream=True) as response:
        pieces = response.iter_content(None)
        next(pieces)
        begun = time.monotonic()
        rest = b"".join(pieces)
    assert rest.rstrip().endswith(b"</html>")
    assert time.monotonic() - begun > 0.2  # on a busy machine the first piece may have waited to be read


@where(lambda deployment: deployment.conf in CGI_BIN)
def test_the_smallest_script(site: Site) -> None:
    assert site.raw("GET", "/cgi-bin/hello.cgi") == (200, b"Hello from gateways.\n")


@where(lambda deployment: deployment.conf in CGI_BIN)
def test_the_fastcgi_script_is_a_cgi_script_too(site: Site) -> None:
    status, body = site.raw("GET", "/cgi-bin/app.fcgi/", {"X-Application": "demo"})
    assert status == 200
    assert (b"a new one for each request (CGI)" in body) is not site.deployment.persistent


@where(lambda deployment: deployment.htaccess or deployment.conf in CGI_BIN)
@pytest.mark.parametrize("path", ["/app.py", "/probe.py", "/.htaccess"])
def test_source_is_not_served(site: Site, path: str) -> None:
    """Beside a script that anybody may ask for lies the code of the application."""
    directory = "" if site.deployment.htaccess else "/cgi-bin"
    status, body = site.raw("GET", directory + path)
    assert status in (403, 404, 500)
    assert b"import" not in body


@where(lambda deployment: "/static/" in (PROJECT / "conf" / deployment.conf).read_text())
def test_files_that_need_no_application(site: Site) -> None:
    status, body = site.raw("GET", "/static/style.css")
    assert (status, body) == (200, b"body { color: black }\n")
