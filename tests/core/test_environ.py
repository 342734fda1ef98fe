"""From CGI variables to environ. Numbers are those of the catalogue of hostile input: F FastCGI, S SCGI, C CGI."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.util import request_uri
from wsgiref.validate import check_environ

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.core.environ import MAX_REMEMBERED_NAMES, EnvironBuilder, content_length
from gateways.core.filewrapper import FileWrapper
from gateways.errors import ConfigError, ProtocolError

Pairs = list[tuple[bytes, bytes]]

MINIMAL: Pairs = [(b"REQUEST_METHOD", b"GET"), (b"SCRIPT_NAME", b""), (b"PATH_INFO", b"/x"), (b"REQUEST_URI", b"/x")]


def builder(**settings: Any) -> EnvironBuilder:
    return EnvironBuilder(**{"multithread": True, "multiprocess": False, **settings})


def build(*pairs: tuple[bytes, bytes], **settings: Any) -> dict[str, Any]:
    return builder(**settings).build([*MINIMAL, *pairs])


def refused(*pairs: tuple[bytes, bytes], status: str = "400 Bad Request", **settings: Any) -> str:
    with pytest.raises(ProtocolError) as caught:
        build(*pairs, **settings)
    assert caught.value.status == status
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 200
    return message


# What PEP 3333 requires -----------------------------------------------------------------------------------------------


def test_required_keys_and_types() -> None:
    environ = build(multithread=False, multiprocess=True, run_once=True)
    assert type(environ) is dict
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["wsgi.multithread"] is False
    assert environ["wsgi.multiprocess"] is True
    assert environ["wsgi.run_once"] is True
    assert environ["wsgi.input_terminated"] is True
    assert environ["wsgi.file_wrapper"] is FileWrapper
    assert environ["SERVER_NAME"] == "localhost"
    assert environ["SERVER_PORT"] == "80"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert environ["QUERY_STRING"] == ""
    with open(os.devnull, "rb") as stdin, open(os.devnull, "w") as stderr:
        check_environ({**environ, "wsgi.input": stdin, "wsgi.errors": Flushable(stderr)})


class Flushable:
    def __init__(self, stream: Any) -> None:
        self.flush, self.write, self.writelines = stream.flush, stream.write, stream.writelines


def test_each_request_has_an_environ_of_its_own() -> None:
    maker = builder()
    first = maker.build(MINIMAL)
    first.clear()
    assert maker.build(MINIMAL)["REQUEST_METHOD"] == "GET"


def test_S32_C07_values_are_latin_1_text_of_the_same_bytes() -> None:
    every = bytes(range(1, 256))
    environ = build((b"X", every), (b"\xff\xfe", b"\xc3\xa9"))
    assert environ["X"].encode("latin-1") == every
    assert environ["\xff\xfe"] == "\xc3\xa9"


# Names ----------------------------------------------------------------------------------------------------------------


def test_F21_empty_names_are_dropped() -> None:
    environ = build((b"", b"evil"), (b"HTTP_", b"evil"), (b"X", b"1"))
    assert "" not in environ
    assert "HTTP_" not in environ
    assert environ["X"] == "1"


@pytest.mark.parametrize(
    "name", [b"wsgi.input", b"wsgi.errors", b"wsgi.url_scheme", b"WSGI.Input", b"wsgi.new", b"gateways.x"]
)
def test_F52_no_variable_overrides_a_key_of_the_gateway(name: bytes) -> None:
    environ = build((name, b"evil"))
    assert "evil" not in environ.values()
    assert build((name, b"evil"), (name, b"evil")).keys() == build().keys()


@pytest.mark.parametrize("name", ["SERVER_NAME=", "A=B", "\xff", "HTTP_X.DOT", "proxy-fcgi-pathinfo", "wsgi", "None"])
def test_F52_other_odd_names_are_strings_like_others(name: str) -> None:
    environ = build((name.encode("latin-1"), b"v"))
    assert environ[name] == "v"
    assert environ["SERVER_NAME"] == "localhost"


def test_F52_long_names_are_refused() -> None:
    assert build((b"N" * 256, b"v"))["N" * 256] == "v"
    for size in (257, 65536):
        message = refused((b"N" * size, b"v"), status="431 Request Header Fields Too Large")
        assert "256" in message
    refused((b"four", b""), max_name_size=3, status="431 Request Header Fields Too Large")


def test_F22_U22_nul_in_a_name_or_value_is_refused() -> None:
    for pair in ((b"A\0B", b"v"), (b"A", b"v\0"), (b"A", b"\0"), (b"\0", b""), (b"HTTP_COOKIE", b"a\0b")):
        assert "NUL" in refused(pair)
    with pytest.raises(ProtocolError, match="NUL"):
        builder().build([*MINIMAL[:3], (b"REQUEST_URI", b"/a%00b"), (b"PATH_INFO", b"")])


def test_messages_escape_what_the_peer_sent() -> None:
    assert "\\x1b" in refused((b"\x1b[2J\0", b""))
    assert "\\n" in refused((b"CONTENT_LENGTH", b"5\nforged line"))


def test_the_cache_of_names_has_an_end() -> None:
    maker = builder()
    for number in range(3 * MAX_REMEMBERED_NAMES):
        environ = maker.build([*MINIMAL, (b"HTTP_X_%d" % number, b"v")])
        assert environ[f"HTTP_X_{number}"] == "v"
    assert len(MINIMAL) < len(maker.names) <= MAX_REMEMBERED_NAMES


def test_threads_share_a_builder() -> None:
    maker = builder()

    def work(thread: int) -> None:
        for number in range(2000):
            name = b"HTTP_X_%d" % ((thread * 997 + number) % 3000)
            environ = maker.build([*MINIMAL, (name, b"v")])
            assert environ[name.decode()] == "v"
            assert environ["REQUEST_METHOD"] == "GET"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


# Headers --------------------------------------------------------------------------------------------------------------


def test_F43_C06_finding_1_proxy_is_dropped() -> None:
    environ = build((b"HTTP_PROXY", b"http://evil/"), (b"HTTP_PROXY", b"http://evil/"))
    assert "HTTP_PROXY" not in environ


def test_findings_1_and_5_what_the_server_has_dealt_with_is_dropped() -> None:
    environ = build(
        (b"CONTENT_LENGTH", b"5"),
        (b"CONTENT_TYPE", b"text/plain"),
        (b"HTTP_CONTENT_LENGTH", b"99"),
        (b"HTTP_CONTENT_TYPE", b"text/html"),
        (b"HTTP_TRANSFER_ENCODING", b"chunked"),
    )
    assert content_length(environ) == 5
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert not [name for name in environ if name.startswith("HTTP_")]


def test_F23_finding_2_repeated_headers_are_joined_in_wire_order() -> None:
    environ = build(
        *[(b"HTTP_X_A", b"1"), (b"HTTP_COOKIE", b"a=1"), (b"HTTP_X_A", b"2"), (b"HTTP_ACCEPT", b"*/*")],
        *[(b"HTTP_COOKIE", b"b=2"), (b"HTTP_X_A", b"")],
    )
    assert environ["HTTP_X_A"] == "1, 2, "
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_ACCEPT"] == "*/*"


@pytest.mark.parametrize(
    "name",
    [
        *["HTTP_HOST", "HTTP_AUTHORIZATION", "HTTP_USER_AGENT", "HTTP_REFERER", "HTTP_RANGE", "HTTP_IF_RANGE"],
        *["HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_ORIGIN", "REMOTE_USER", "SCRIPT_FILENAME", "X"],
    ],
)
def test_F23_finding_2_of_a_single_value_the_last_counts(name: str) -> None:
    raw = name.encode()
    assert build((raw, b"first"), (b"Y", b""), (raw, b"second"))[name] == "second"


def test_S17_a_spoofed_twin_fails_closed() -> None:
    """X-User and X_User are one name to CGI; the joined value is neither of them."""
    assert build((b"HTTP_X_USER", b"alice"), (b"HTTP_X_USER", b"root"))["HTTP_X_USER"] == "alice, root"


def test_many_repeated_headers_take_linear_time() -> None:
    environ = builder().build([*MINIMAL, *[(b"HTTP_X", b"v" * 1000)] * 5000])
    assert len(environ["HTTP_X"]) == 5000 * 1002 - 2


@pytest.mark.parametrize(
    "name",
    [
        *["CONTENT_LENGTH", "CONTENT_TYPE", "REMOTE_USER", "AUTH_TYPE", "REMOTE_IDENT", "HTTPS"],
        *["HTTP_HOST", "HTTP_AUTHORIZATION"],
    ],
)
def test_finding_3_an_empty_value_that_means_absent_is_absent(name: str) -> None:
    assert name not in build((name.encode(), b""))
    assert name not in build((name.encode(), b"1"), (name.encode(), b""))


def test_other_empty_values_stay() -> None:
    environ = build((b"HTTP_X_EMPTY", b""), (b"SERVER_SIGNATURE", b""))
    assert environ["HTTP_X_EMPTY"] == ""
    assert environ["SERVER_SIGNATURE"] == ""


def test_authorization_that_apache_renamed_in_a_rewrite() -> None:
    renamed = (b"REDIRECT_HTTP_AUTHORIZATION", b"Basic eA==")
    assert build(renamed)["HTTP_AUTHORIZATION"] == "Basic eA=="
    assert build((b"HTTP_AUTHORIZATION", b""), renamed)["HTTP_AUTHORIZATION"] == "Basic eA=="
    assert build((b"HTTP_AUTHORIZATION", b"Basic eQ=="), renamed)["HTTP_AUTHORIZATION"] == "Basic eQ=="
    assert "HTTP_AUTHORIZATION" not in build((b"REDIRECT_HTTP_AUTHORIZATION", b""))


@pytest.mark.parametrize("name", ["REMOTE_USER", "AUTH_TYPE", "HTTPS", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING"])
def test_no_variable_is_looked_up_behind_a_prefix(name: str) -> None:
    plain = build()
    for prefix in ("HTTP_", "REDIRECT_", "REDIRECT_HTTP_", "HTTP_REDIRECT_"):
        environ = build((f"{prefix}{name}".encode(), b"on"))
        assert environ.pop(f"{prefix}{name}") == "on"
        assert environ == plain


def test_remote_user_of_haproxy_is_dropped() -> None:
    user = ((b"REMOTE_USER", b"root"), (b"AUTH_TYPE", b"Basic"))
    environ = build(*user, (b"SERVER_SOFTWARE", b"HAProxy 2.6.12"))
    assert not {"REMOTE_USER", "AUTH_TYPE"} & environ.keys()
    environ = build((b"AUTH_TYPE", b"Bearer"), (b"SERVER_SOFTWARE", b"HAProxy 2.6.12"))
    assert "AUTH_TYPE" not in environ
    environ = build(*user, (b"SERVER_SOFTWARE", b"Apache/2.4.71"))
    assert environ["REMOTE_USER"] == "root"
    assert environ["AUTH_TYPE"] == "Basic"


# CONTENT_LENGTH -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "length"),
    [(b"0", 0), (b"5", 5), (b"0007", 7), (b"000", 0), (b"9" * 18, 10**18 - 1), (b"0" * 300 + b"1", 1)],
)
def test_content_length(sent: bytes, length: int) -> None:
    environ = build((b"CONTENT_LENGTH", sent))
    assert environ["CONTENT_LENGTH"] == str(length)
    assert content_length(environ) == length


def test_C01_no_content_length() -> None:
    for environ in (build(), build((b"CONTENT_LENGTH", b""))):
        assert "CONTENT_LENGTH" not in environ
        assert content_length(environ) is None


@pytest.mark.parametrize(
    "sent",
    [
        *[
            b"5, 5",
            b"5x",
            b"+5",
            b"0x5",
            b" 5",
            b"5 ",
            b"5_0",
            b"-5",
            b"--1",
            b"-01",
            b"abc",
            b"5.0",
            b"1e3",
            b"\xb2",
            b"0x",
        ],
        *[b"5\n", b"\xd9\xa1", b"1" * 19, b"1" * 5000, b"0-1", b"0" * 20 + b"x"],
    ],
)
@pytest.mark.parametrize("delimited", [True, False])
def test_F28_C04_U17_content_length_that_is_no_number(sent: bytes, delimited: bool) -> None:
    assert "CONTENT_LENGTH" in refused((b"CONTENT_LENGTH", sent), delimited=delimited)


def test_F27_minus_one_is_unknown_where_the_transport_tells_the_end() -> None:
    assert "CONTENT_LENGTH" not in build((b"CONTENT_LENGTH", b"-1"), delimited=True)


def test_S19_C04_U16_minus_one_is_refused_where_it_does_not() -> None:
    refused((b"CONTENT_LENGTH", b"-1"), delimited=False)


def test_scgi_length_of_an_nginx_that_does_not_buffer_requests() -> None:
    """It counts the part of the body that came with the headers; HTTP_CONTENT_LENGTH is what the client announced."""
    unbuffered = ((b"SCGI", b"1"), (b"CONTENT_LENGTH", b"3"), (b"HTTP_CONTENT_LENGTH", b"0010"))
    assert build(*unbuffered)["CONTENT_LENGTH"] == "10"
    assert build(*unbuffered, (b"SERVER_SOFTWARE", b"nginx/1.22.1"))["CONTENT_LENGTH"] == "10"
    # A client's "Content_Length: 10" looks the same behind others, and would make the application wait.
    assert build(*unbuffered, (b"SERVER_SOFTWARE", b"lighttpd/1.4.69"))["CONTENT_LENGTH"] == "3"
    assert build(*unbuffered, (b"HTTP_TRANSFER_ENCODING", b"chunked"))["CONTENT_LENGTH"] == "3"
    assert build(*unbuffered[1:])["CONTENT_LENGTH"] == "3"
    shorter = ((b"SCGI", b"1"), (b"CONTENT_LENGTH", b"10"), (b"HTTP_CONTENT_LENGTH", b"3"))
    assert build(*shorter)["CONTENT_LENGTH"] == "10"
    refused(*unbuffered, (b"HTTP_CONTENT_LENGTH", b"10"))


# Method, query, scheme, server ----------------------------------------------------------------------------------------


def test_F24_no_variables_at_all() -> None:
    with pytest.raises(ProtocolError, match="REQUEST_METHOD") as caught:
        builder().build([])
    assert caught.value.status == "400 Bad Request"


def test_S31_U08_request_without_a_method() -> None:
    assert "REQUEST_METHOD" in refused((b"REQUEST_METHOD", b""))
    with pytest.raises(ProtocolError, match="REQUEST_METHOD"):
        builder().build([(b"HTTP_HOST", b"a.test")])


def test_S31_nothing_but_a_method() -> None:
    environ = builder().build([(b"REQUEST_METHOD", b"GET")])
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", "/")
    assert request_uri(environ) == "http://localhost/"


def test_C09_query_string_is_always_there() -> None:
    assert build()["QUERY_STRING"] == ""
    assert build((b"QUERY_STRING", b"a=1"))["QUERY_STRING"] == "a=1"
    assert build((b"REQUEST_URI", b"/x?a=1?b"))["QUERY_STRING"] == "a=1?b"
    assert build((b"REQUEST_URI", b"/x?a=1"), (b"QUERY_STRING", b""))["QUERY_STRING"] == ""


@pytest.mark.parametrize(
    ("https", "scheme", "expected"),
    [
        *[(b"on", b"", "https"), (b"ON", b"", "https"), (b"1", b"", "https"), (b"https", b"", "https")],
        *[(b"off", b"https", "http"), (b"0", b"https", "http"), (b"", b"https", "https"), (b"", b"http", "http")],
        *[(None, b"https", "https"), (None, b"HTTPS", "https"), (None, b"http", "http"), (None, b"evil", "http")],
        *[(b"on", b"http", "https"), (None, None, "http"), (b"\xff", None, "http")],
    ],
)
def test_C18_url_scheme(https: bytes | None, scheme: bytes | None, expected: str) -> None:
    given = [(b"HTTPS", https), (b"REQUEST_SCHEME", scheme)]
    environ = build(*[(name, value) for name, value in given if value is not None])
    assert environ["wsgi.url_scheme"] == expected
    assert environ["SERVER_PORT"] == ("443" if expected == "https" else "80")


@pytest.mark.parametrize(
    ("name", "port", "host", "expected"),
    [
        *[("a.test", "8080", "", ("a.test", "8080")), ("", "", "", ("localhost", "80"))],
        *[("a:99", "8080", "", ("a", "8080")), ("a:99", "", "", ("a", "99")), ("a:", "", "", ("a", "80"))],
        *[("", "8080", "b.test", ("b.test", "8080")), ("", "", "b.test:81", ("b.test", "81"))],
        *[("a.test", "", "b.test:81", ("a.test", "81")), ("a.test", "http", "", ("a.test", "80"))],
        *[("a.test", "\xb2", "", ("a.test", "80")), ("a.test", "-1", "", ("a.test", "80"))],
        *[
            ("::1", "80", "", ("[::1]", "80")),
            ("[::1]", "80", "", ("[::1]", "80")),
            ("[::1]:99", "", "", ("[::1]", "99")),
        ],
        *[
            ("", "", "[::1]:99", ("[::1]", "99")),
            (":99", "", "", ("localhost", "99")),
            ("", "", ":", ("localhost", "80")),
        ],
        *[("[", "", "", ("[", "80")), ("[:", "", "", ("[:", "80")), ("a:b:c", "", "", ("[a:b:c]", "80"))],
    ],
)
def test_finding_4_server_name_and_port_are_never_empty(
    name: str, port: str, host: str, expected: tuple[str, str]
) -> None:
    given = {"SERVER_NAME": name, "SERVER_PORT": port, "HTTP_HOST": host}
    environ = build(*[(key.encode(), value.encode("latin-1")) for key, value in given.items()])
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == expected


def test_server_protocol() -> None:
    assert build((b"SERVER_PROTOCOL", b"HTTP/1.1"))["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert build((b"SERVER_PROTOCOL", b""))["SERVER_PROTOCOL"] == "HTTP/1.0"


# Paths, and what the deployer sets ------------------------------------------------------------------------------------


def test_paths_are_repaired() -> None:
    environ = builder().build([(b"REQUEST_METHOD", b"GET"), (b"SCRIPT_NAME", b"/a b"), (b"REQUEST_URI", b"/a%20b")])
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", "/a b")


@pytest.mark.parametrize(
    ("script", "path", "uri"),
    [(b"/", b"/x", b"//x"), (b"/app/", b"/x", b"/app//x"), (b"app", b"/x", b"app/x"), (b"", b"x", b"x")],
)
def test_the_short_way_is_not_taken_for_paths_that_are_no_paths(script: bytes, path: bytes, uri: bytes) -> None:
    environ = build((b"SCRIPT_NAME", script), (b"PATH_INFO", path), (b"REQUEST_URI", uri))
    assert environ["SCRIPT_NAME"] in {"", "/app"}
    assert environ["PATH_INFO"] == "/x"


@pytest.mark.parametrize("setting", ["/app", "/app/"])
def test_script_name_overrides_it_all(setting: str) -> None:
    for path in (b"/app/x", b"/x"):
        environ = build((b"PATH_INFO", path), (b"REQUEST_URI", path), script_name=setting)
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", "/x")
    environ = build((b"SCRIPT_NAME", b"/other"), (b"REQUEST_URI", b"/other/x"), script_name=setting)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", "/other/x")


@pytest.mark.parametrize("setting", ["", "/"])
def test_script_name_of_the_root(setting: str) -> None:
    environ = build((b"SCRIPT_NAME", b"/x"), (b"PATH_INFO", b"/y"), (b"REQUEST_URI", b"/x/y"), script_name=setting)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("", "/x/y")


def test_script_name_outside_of_ascii() -> None:
    uri = "/café/x".encode()
    environ = build((b"PATH_INFO", uri), (b"REQUEST_URI", b"/caf%C3%A9/x"), script_name="/café")
    assert environ["SCRIPT_NAME"] == "/caf\xc3\xa9"
    assert environ["PATH_INFO"] == "/x"


def test_script_name_without_a_slash_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="begin with a slash"):
        builder(script_name="app")


def test_extra_pairs_win_over_the_server() -> None:
    extra = [("HTTP_HOST", "set.test"), ("HTTPS", "on"), ("APP_MODE", "é"), ("SERVER_NAME", "n.test")]
    environ = build((b"HTTP_HOST", b"sent.test"), (b"SERVER_NAME", b"s.test"), extra=extra)
    assert environ["HTTP_HOST"] == "set.test"
    assert environ["SERVER_NAME"] == "n.test"
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["APP_MODE"].encode("latin-1").decode() == "é"
    assert request_uri(environ) == "https://set.test/x"


def test_extra_pairs_may_be_a_mapping_with_names_of_any_length() -> None:
    environ = build(extra={"AB": "bar", "FOO": "baz"})
    assert (environ["AB"], environ["FOO"]) == ("bar", "baz")
    assert "A" not in environ


@pytest.mark.parametrize(
    "extra",
    ["AB", ["AB"], [("A",)], [("A", "B", "C")], [("A", 5)], {"A": None}, {5: "A"}, [(b"A", b"B")], [5], 5, None],
)
def test_extra_pairs_that_are_none(extra: Any) -> None:
    with pytest.raises(ConfigError, match=r"^environ: .* is (not a pair|neither a mapping)"):
        builder(extra=extra)


@pytest.mark.parametrize("script_name", [5, b"/app", True, ("/app",)])
def test_a_script_name_that_is_not_text(script_name: Any) -> None:
    with pytest.raises(ConfigError, match=r"^script_name: .* is not text"):
        builder(script_name=script_name)


def test_script_name_among_extra_pairs_is_the_setting() -> None:
    extra = [("SCRIPT_NAME", "/app")]
    environ = build((b"PATH_INFO", b"/app/x"), (b"REQUEST_URI", b"/app/x"), extra=extra)
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app", "/x")
    environ = build(extra=extra, script_name="/other")
    assert environ["SCRIPT_NAME"] == "/other"


@pytest.mark.parametrize("name", ["wsgi.input", "WSGI.url_scheme", "gateways.x", ""])
def test_extra_pairs_never_win_over_the_gateway(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be set"):
        builder(extra=[(name, "x")])


# Property -------------------------------------------------------------------------------------------------------------

NAMES = [
    *("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "REQUEST_URI", "QUERY_STRING", "CONTENT_LENGTH", "HTTPS", "SCGI"),
    *("SERVER_NAME", "SERVER_PORT", "SERVER_SOFTWARE", "HTTP_HOST", "HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"),
    *("HTTP_X", "REDIRECT_STATUS", "wsgi.input"),
]
names = st.one_of(st.sampled_from([name.encode() for name in NAMES]), st.binary(max_size=6))
values = st.one_of(
    st.binary(max_size=8), st.sampled_from([b"", b"/a", b"/a%2fb", b"-1", b"5", b"on", b"a:1", b"nginx"])
)


@given(st.lists(st.tuples(names, values), max_size=12), st.booleans(), st.sampled_from([None, "", "/a"]))
def test_property_an_environ_or_a_protocol_error(pairs: Pairs, delimited: bool, script_name: str | None) -> None:
    environ: dict[str, Any] = {}
    try:
        environ = builder(delimited=delimited, script_name=script_name).build([(b"REQUEST_METHOD", b"GET"), *pairs])
    except ProtocolError as caught:
        error = caught
    if not environ:
        assert error.status[:3] in {"400", "431"}
        assert str(error).isprintable()
        return
    for name, value in environ.items():
        assert type(name) is str
        if not name.startswith("wsgi."):
            assert type(value) is str
            assert "\0" not in value
    assert environ["SERVER_NAME"]
    assert environ["SERVER_PORT"].isdigit()
    assert environ["wsgi.url_scheme"] in {"http", "https"}
    length = content_length(environ)
    assert length is None or 0 <= length < 10**18
    assert request_uri(environ).startswith(environ["wsgi.url_scheme"] + "://")
