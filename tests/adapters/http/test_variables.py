"""gateways.adapters.http.variables: a head as CGI variables. The numbered cases are in tests/server."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.adapters.http import variables as cgi
from gateways.adapters.http.ends import Ends
from gateways.adapters.http.head import Head
from gateways.core.environ import EnvironBuilder
from gateways.errors import ProtocolError

ENDS = Ends(("10.0.0.1", 4000), ("10.0.0.2", 80))


def variables(
    target: bytes, *fields: tuple[bytes, bytes], method: bytes = b"GET", minor: int = 1
) -> dict[bytes, bytes]:
    found = cgi.variables(Head(method, target, minor, fields), ENDS)
    return dict(found)


def test_fields_keep_their_order_and_are_not_joined_here() -> None:
    head = Head(b"GET", b"/", 1, [(b"A", b"1"), (b"b-C", b"2"), (b"A", b"3"), (b"Content-Type", b"x")])
    assert cgi.variables(head, ENDS)[-4:] == [
        (b"HTTP_A", b"1"),
        (b"HTTP_B_C", b"2"),
        (b"HTTP_A", b"3"),
        (b"CONTENT_TYPE", b"x"),
    ]


@pytest.mark.parametrize("name", [b"X_Y", b"X.Y", b"Content_Length", b"x!", b"_"])
def test_names_that_could_be_taken_for_others_are_dropped(name: bytes) -> None:
    assert variables(b"/", (name, b"1")).keys() == variables(b"/").keys()


@pytest.mark.parametrize(
    ("host", "name"), [(b"a", b"a"), (b"a:80", b"a"), (b"[::1]", b"[::1]"), (b"[::1]:80", b"[::1]"), (b"", b"10.0.0.2")]
)
def test_the_name_of_the_server(host: bytes, name: bytes) -> None:
    assert variables(b"/", (b"Host", host))[b"SERVER_NAME"] == name


def test_the_authority_of_the_target_goes_before_Host() -> None:
    found = variables(b"http://b:81/c", (b"Host", b"a"))
    assert (found[b"HTTP_HOST"], found[b"SERVER_NAME"], found[b"REQUEST_URI"]) == (b"b:81", b"b", b"/c")


def test_the_version() -> None:
    assert variables(b"/", minor=0)[b"SERVER_PROTOCOL"] == b"HTTP/1.0"


@pytest.mark.parametrize(("method", "target"), [(b"GET", b"*"), (b"CONNECT", b"a:1"), (b"GET", b"a"), (b"GET", b"/#")])
def test_targets_that_are_refused(method: bytes, target: bytes) -> None:
    with pytest.raises(ProtocolError):
        variables(target, method=method)


@given(
    st.lists(st.sampled_from(["/", "..", ".", "a", "b.cgi", "%2F", "%2f", "%41", "%zz", "%", "%ff", ";", "//", "*"]))
)
@example(["//"])
@example(["..", "/", "..", "%2F"])
def test_the_path_is_decoded_once_and_nothing_else_is_done_to_it(parts: list[str]) -> None:
    """The core knows how the paths of other servers are to be repaired; here it has nothing to do."""
    path = "/" + "".join(parts)
    builder = EnvironBuilder(multithread=False, multiprocess=False)
    environ = builder.build(cgi.variables(Head(b"GET", path.encode() + b"?q", 1, [(b"Host", b"h")]), ENDS))
    assert environ["SCRIPT_NAME"] == ""
    assert environ["PATH_INFO"] == unquote_to_bytes(path).decode("latin-1")
    assert (environ["REQUEST_URI"], environ["QUERY_STRING"]) == (path + "?q", "q")


def test_no_more_names_are_remembered_than_a_limit() -> None:
    for number in range(cgi._MAX_REMEMBERED + 10):
        variables(b"/", (b"X-%d" % number, b""))
    variables(b"/", (b"X" * 1000, b""))
    assert len(cgi.names) <= cgi._MAX_REMEMBERED
    assert max(map(len, cgi.names)) < 1000
