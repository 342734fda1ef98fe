"""gateways.client.variables: a request as CGI variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.client.variables import NotBelowMount, split_target, variables_for


def http(*headers: tuple[str, str]) -> dict[bytes, bytes]:
    """Return the HTTP_* variables that ``headers`` become."""
    return {name: value for name, value in variables_for("GET", "/", headers) if name.startswith(b"HTTP_")}


def test_the_whole_list() -> None:
    """What nginx sends, with PATH_INFO for a mounted application, and without empty variables."""
    headers = [("Host", "example.test:99"), ("Content-Type", "text/plain"), ("X-A", "1")]
    variables = variables_for(
        "POST",
        "/app/a%20b/c%2Fd?x=1&y=%C3%A9",
        headers,
        5,
        script_name="/app",
        remote=("192.0.2.7", 40000),
        server=("127.0.0.1", 8000),
        protocol="HTTP/1.0",
    )
    assert dict(variables) == {
        b"GATEWAY_INTERFACE": b"CGI/1.1",
        b"SERVER_SOFTWARE": b"gateways",
        b"SERVER_PROTOCOL": b"HTTP/1.0",
        b"SERVER_NAME": b"127.0.0.1",
        b"SERVER_PORT": b"8000",
        b"REQUEST_METHOD": b"POST",
        b"REQUEST_SCHEME": b"http",
        b"REQUEST_URI": b"/app/a%20b/c%2Fd?x=1&y=%C3%A9",
        b"SCRIPT_NAME": b"/app",
        b"PATH_INFO": b"/a b/c/d",
        b"QUERY_STRING": b"x=1&y=%C3%A9",
        b"REMOTE_ADDR": b"192.0.2.7",
        b"REMOTE_PORT": b"40000",
        b"CONTENT_LENGTH": b"5",
        b"CONTENT_TYPE": b"text/plain",
        b"HTTP_HOST": b"example.test:99",
        b"HTTP_X_A": b"1",
    }
    assert len(variables) == len(dict(variables))


@pytest.mark.parametrize(
    ("target", "script_name", "path_info", "query"),
    [
        ("/", "", "/", ""),
        ("/?", "", "/", ""),
        ("/a?b?c", "", "/a", "b?c"),
        ("//x//y", "", "//x//y", ""),
        ("/../x", "", "/../x", ""),
        ("/%zz%2", "", "/%zz%2", ""),  # H38: kept literally
        ("/%FF%FE", "", "/\xff\xfe", ""),
        ("/\xff", "", "/\xff", ""),
        ("/%25%32%30", "", "/%20", ""),  # decoded once
        ("/app", "/app", "", ""),
        ("/app/", "/app", "/", ""),
        ("/app?x", "/app", "", "x"),
        ("/%61pp/x", "/app", "/x", ""),
        ("/app%2Fx", "/app", "/x", ""),
        ("/a%20b/c", "/a b", "/c", ""),
    ],
)
def test_split_target(target: str, script_name: str, path_info: str, query: str) -> None:
    assert split_target(target, script_name) == (path_info, query)


@pytest.mark.parametrize("target", ["/", "/appx", "/ap", "/App/x", "//app/x", "/x/app"])
def test_a_path_outside_the_mount_point(target: str) -> None:
    with pytest.raises(NotBelowMount):
        split_target(target, "/app")


@pytest.mark.parametrize("target", ["", "x", "*", "http://example.test/", "?x", "/%00", "/a\0", "/\u20ac"])
def test_what_is_no_path(target: str) -> None:
    with pytest.raises(ValueError, match=r"path"):
        variables_for("GET", target)


@given(st.binary(max_size=20))
def test_any_bytes_of_a_path_arrive(path: bytes) -> None:
    target = "/" + "".join(f"%{byte:02X}" for byte in path)
    if 0 in path:
        with pytest.raises(ValueError, match="NUL"):
            split_target(target)
    else:
        assert split_target(target)[0].encode("latin-1") == b"/" + path


def test_no_body_has_no_length_and_an_empty_one_has() -> None:
    assert b"CONTENT_LENGTH" not in dict(variables_for("GET", "/"))
    assert dict(variables_for("POST", "/", body_length=0))[b"CONTENT_LENGTH"] == b"0"


def test_repeated_headers_are_joined() -> None:
    """Finding 2: in wire order with a comma, cookies with a semicolon."""
    assert http(("X-A", "1"), ("Cookie", "a=1"), ("x-a", "2"), ("Cookie", "b=2")) == {
        b"HTTP_X_A": b"1, 2",
        b"HTTP_COOKIE": b"a=1; b=2",
    }


@pytest.mark.parametrize(
    "name",
    [
        *("Proxy", "PROXY", "X_A", "Content_Length", "X.Y", "Connection", "Keep-Alive", "Proxy-Connection"),
        *("Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Expect"),
        *("Content-Length", "Content-Type"),
    ],
)
def test_headers_that_are_not_passed(name: str) -> None:
    """F43 (httpoxy), underscores that would be taken for dashes, hop-by-hop headers, and what has its own variable."""
    assert http((name, "x"), ("X-Good", "y")) == {b"HTTP_X_GOOD": b"y"}


def test_headers_named_by_connection_are_not_passed() -> None:
    """RFC 9110, section 7.6.1."""
    headers = [("X-Hop", "1"), ("Connection", "close, x-hop"), ("X-Good", "y"), ("Connection", "\tX-Other ")]
    assert http(*headers, ("x-other", "2")) == {b"HTTP_X_GOOD": b"y"}


def test_values_are_bytes_in_latin_1() -> None:
    assert http(("X-Name", "\xe9\xff")) == {b"HTTP_X_NAME": b"\xe9\xff"}
    with pytest.raises(ValueError, match="HTTP_X_NAME holds characters outside latin-1"):
        http(("X-Name", "\u20ac"))


def test_nothing_is_invented() -> None:
    names = dict(variables_for("GET", "/"))
    assert b"HTTPS" not in names
    assert not any(b"FORWARDED" in name for name in names)
