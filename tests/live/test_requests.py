"""What a client sends must reach the application unchanged: methods, paths, query strings, headers, bodies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from urllib.parse import quote, unquote_to_bytes

import pytest

from tests.live.deployments import where
from tests.live.differences import expected_cookie, expected_path, expected_query, known
from tests.live.site import Site

METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")

PATHS = {
    "/": "/",
    "/a/b/": "/a/b/",
    "/a%20b": "/a b",
    "/a%2Fb": "/a/b",
    "/a%25b": "/a%b",
    "/a%3Fb": "/a?b",
    "/a%2Bb+c": "/a+b+c",
    "/a;b=c,d": "/a;b=c,d",
    "/~a!$&'()*:@": "/~a!$&'()*:@",
    "/caf%C3%A9/%E4%B8%96": "/caf\xc3\xa9/\xe4\xb8\x96",
    "/%FF%FE": "/\xff\xfe",
    "/a//b": "/a/b",
    "/a/b.cgi/c": "/a/b.cgi/c",
    "/a/./b/../c": "/a/c",
}
"""A path as it is written, and PATH_INFO: decoded once, one character for each byte (PEP 3333)."""

QUERIES = ["", "a=1&b=2", "a%20b=%2F&c=d+e", "%FF=%C3%A9", "noequals", "a=1?b=2", "a=/../c//d", "a[]=1;b", "-d+allow=1"]

SIZES = (0, 1, 64 * 1024 + 1, 10 * 1024 * 1024)


@pytest.mark.parametrize("method", METHODS)
def test_method(site: Site, method: str) -> None:
    if known(site.deployment, f"method refused: {method}"):
        assert site.request(method, "/method").status_code == 400
        return
    seen = site.dump(method, "/method")
    assert seen["environ"]["REQUEST_METHOD"] == method
    assert seen["body"]["length"] == 0


@pytest.mark.parametrize("path", PATHS)
def test_path(site: Site, path: str) -> None:
    expected = expected_path(site.deployment, path, PATHS[path])
    if expected is None:
        assert site.raw("GET", site.mount + path)[0] in (400, 403, 404)
        return
    seen = site.raw_dump("GET", path)
    assert seen["environ"]["SCRIPT_NAME"] == site.mount
    assert seen["environ"]["PATH_INFO"] == expected
    assert unquote_to_bytes(seen["uri"]) == f"http://{site.host}{site.mount}{expected}".encode("latin-1")


@where(lambda deployment: deployment.mount != "")
def test_the_mount_point_itself(site: Site) -> None:
    seen = site.raw_dump("GET", "")
    assert (seen["environ"]["SCRIPT_NAME"], seen["environ"]["PATH_INFO"]) == (site.mount, "")
    assert seen["uri"] == f"http://{site.host}{site.mount}"


@where(lambda deployment: deployment.mount != "")
def test_a_neighbour_of_the_mount_point_is_not_ours(site: Site) -> None:
    status, _ = site.raw("GET", f"{site.mount}le")
    assert status == 404


@pytest.mark.parametrize("query", QUERIES)
def test_query_string(site: Site, query: str) -> None:
    seen = site.raw_dump("GET", f"/q?{query}")
    assert seen["environ"]["QUERY_STRING"] == expected_query(site.deployment, query)
    assert unquote_to_bytes(seen["uri"]) == unquote_to_bytes(f"{site.url('/q')}" + (f"?{query}" if query else ""))


def test_query_string_is_always_there(site: Site) -> None:
    assert site.raw_dump("GET", "/q")["environ"]["QUERY_STRING"] == ""


def test_repeated_headers_are_joined(site: Site) -> None:
    seen = site.raw_dump("GET", "/", {"X-Test": "1\r\nX-Test: 2"})
    assert seen["environ"]["HTTP_X_TEST"] == "1, 2"


def test_repeated_cookies_are_joined(site: Site) -> None:
    seen = site.raw_dump("GET", "/", {"Cookie": "a=1\r\nCookie: b=2"})
    assert seen["environ"]["HTTP_COOKIE"] == expected_cookie(site.deployment)


def test_authorization(site: Site) -> None:
    seen = site.dump("GET", "/", auth=("user", "secret"))
    assert seen["environ"]["HTTP_AUTHORIZATION"] == "Basic dXNlcjpzZWNyZXQ="


def test_authorization_is_not_a_user(site: Site) -> None:
    """Nobody has checked the password: REMOTE_USER would say that somebody did."""
    seen = site.dump("GET", "/", auth=("user", "secret"))
    assert "REMOTE_USER" not in seen["environ"]
    assert "AUTH_TYPE" not in seen["environ"]


def test_a_header_with_bytes_beyond_ascii(site: Site) -> None:
    seen = site.raw_dump("GET", "/", {"X-Test": "caf\xe9"})
    assert seen["environ"]["HTTP_X_TEST"] == "caf\xe9"


def test_a_long_header(site: Site) -> None:
    """8 KiB for a line is the least that all servers accept."""
    value = "x" * 7000
    assert site.raw_dump("GET", "/", {"X-Test": value})["environ"]["HTTP_X_TEST"] == value


def test_a_folded_header(site: Site) -> None:
    """A field over two lines: refused, or joined by spaces (RFC 9112, 5.2)."""
    headers = {"X-Test": "a\r\n b"}
    if known(site.deployment, "folded header field refused"):
        assert site.raw("GET", f"{site.mount}/", headers)[0] == 400
        return
    seen = site.raw_dump("GET", "/", headers)["environ"]["HTTP_X_TEST"]
    assert seen.split() == (["a"] if known(site.deployment, "folded header field cut") else ["a", "b"])


def test_proxy_header_does_not_become_a_setting(site: Site) -> None:
    """httpoxy: HTTP_PROXY is what programs read their proxy from."""
    assert "HTTP_PROXY" not in site.raw_dump("GET", "/", {"Proxy": "http://evil.example/"})["environ"]


def test_underscore_does_not_replace_a_header(site: Site) -> None:
    """A web server that sets X-User must be able to rely on it: X_User may at most be joined, never win alone."""
    seen = site.raw_dump("GET", "/", {"X-User": "alice", "X_User": "root"})
    assert seen["environ"]["HTTP_X_USER"] in ("alice", "alice, root")


def test_content_length_with_an_underscore_is_not_the_length(site: Site) -> None:
    seen = site.raw_dump("GET", "/", {"Content_Length": "99"})
    assert "HTTP_CONTENT_LENGTH" not in seen["environ"]
    assert seen["environ"].get("CONTENT_LENGTH", "") in ("", "0")


def test_http_1_0_without_host(site: Site) -> None:
    """SERVER_NAME and SERVER_PORT are never empty, even when the client names nobody (PEP 3333)."""
    with site.connect() as connection:
        connection.sendall(f"GET {site.mount}/ HTTP/1.0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0]
    environ = json.loads(body)["environ"]
    assert environ["SERVER_NAME"]
    assert environ["SERVER_PORT"].isdigit()


@pytest.mark.parametrize("size", SIZES)
def test_body(site: Site, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    seen = site.dump("POST", "/upload", data=body, headers={"Content-Type": "application/x-test"})
    assert seen["body"] == {"length": size, "sha256": hashlib.sha256(body).hexdigest()}
    assert seen["environ"]["CONTENT_TYPE"] == "application/x-test"
    assert seen["environ"].get("CONTENT_LENGTH", "0") == str(size)


@pytest.mark.parametrize("size", [1, 64 * 1024 + 1, 1024 * 1024])
def test_chunked_body(site: Site, size: int) -> None:
    if known(site.deployment, "large chunked upload refused") and size > 16 * 1024:
        assert site.request("POST", "/upload", data=pieces(b"x" * size)).status_code == 400
        return
    if known(site.deployment, "chunked upload refused"):
        assert site.request("POST", "/upload", data=pieces(b"x" * size)).status_code == 411
        return
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    seen = site.dump("POST", "/upload", data=pieces(body))
    assert seen["body"] == {"length": size, "sha256": hashlib.sha256(body).hexdigest()}
    assert "HTTP_TRANSFER_ENCODING" not in seen["environ"]
    length = None if known(site.deployment, "chunked upload without a length") else str(size)
    assert seen["environ"].get("CONTENT_LENGTH") == length


def test_a_client_that_waits_before_it_sends_the_body(site: Site) -> None:
    """Expect: 100-continue. The client sends nothing more until it is told to (RFC 9110, 10.1.1)."""
    head = f"POST {site.mount}/ HTTP/1.1\r\nHost: {site.host}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with site.connect() as connection, connection.makefile("rb") as answer:
        connection.sendall(head.encode())
        assert answer.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert answer.readline() == b"\r\n"
        connection.sendall(b"hello")
        assert answer.readline().startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_not_read(site: Site) -> None:
    """The answer arrives all the same, and the next request is not made of what was left."""
    for _ in range(12):
        response = site.request("POST", "/do/unread", data=b"GET /injected HTTP/1.1\r\n" * 50_000)
        assert (response.status_code, response.text) == (200, "unread\n")
    assert site.dump("GET", "/next")["environ"]["PATH_INFO"] == "/next"


def test_url_of_a_request_for_another_host(site: Site) -> None:
    """wsgiref.util.request_uri gives the URL that was asked for, also by another name and with a query."""
    path = quote(f"{site.mount}/a b")
    seen = site.raw_dump("GET", "/a%20b?c=d", {"X-Other": "1"})
    assert seen["uri"] == f"http://{site.host}{path}?c=d"


def pieces(body: bytes) -> Iterator[bytes]:
    """A body whose length `requests` does not know, so that it sends it chunked."""
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]
