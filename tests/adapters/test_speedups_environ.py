"""The C twin of EnvironBuilder.build: it gives the same environ, or declines.

It may decline what it likes without harm to anything but speed; so that it does not, the usual requests of every web
server are named here as well.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateways.adapters import speedups, uwsgi
from gateways.adapters.events import Request
from gateways.adapters.fastcgi.records import decode_pairs, encode_pairs
from gateways.core.environ import EnvironBuilder
from gateways.core.paths import repair
from gateways.errors import ProtocolError
from tests.support import wire
from tests.support.corpus import CORPUS, captures

if TYPE_CHECKING:
    from gateways.core.types import Variables

pytestmark = pytest.mark.skipif(speedups.module is None, reason=speedups.describe())

Pairs = list[tuple[bytes, bytes]]

SERVERS = sorted(
    path.name for path in CORPUS.iterdir() if path.name.endswith(("fastcgi", "fcgi", "fcgid", "scgi", "uwsgi"))
)
USUAL: Pairs = [
    (b"QUERY_STRING", b"a=1"),
    (b"REQUEST_METHOD", b"GET"),
    (b"CONTENT_TYPE", b""),
    (b"CONTENT_LENGTH", b""),
    (b"SCRIPT_NAME", b"/app"),
    (b"PATH_INFO", b"/path"),
    (b"REQUEST_URI", b"/app/path?a=1"),
    (b"SERVER_PROTOCOL", b"HTTP/1.1"),
    (b"SERVER_SOFTWARE", b"nginx/1.22.1"),
    (b"SERVER_NAME", b"example.org"),
    (b"SERVER_PORT", b"80"),
    (b"HTTP_HOST", b"example.org"),
    (b"HTTP_COOKIE", b"a=1"),
]


class Twins:
    """The reference and its twin, for one protocol and one setting."""

    def __init__(self, protocol: str = "fastcgi", **settings: Any) -> None:
        self.protocol = protocol
        self.builder = EnvironBuilder(multithread=True, multiprocess=False, delimited=protocol == "fastcgi", **settings)
        fixed = dict(self.builder.fixed)
        if protocol == "fastcgi":
            fixed.setdefault("FCGI_ROLE", "RESPONDER")
        assert speedups.module is not None
        self.environs = speedups.module.Environs({}, fixed, self.builder.names, repair, self.builder.mount)

    def expected(self, pairs: Pairs) -> dict[str, Any] | str:
        """The environ of the reference, or the message of its error."""
        variables: Variables = [*pairs, (b"FCGI_ROLE", b"RESPONDER")] if self.protocol == "fastcgi" else pairs
        try:
            if self.protocol == "uwsgi":  # where the parser itself may change them
                parser = uwsgi.ServerConnection()
                parser.receive_data(wire.packet(wire.uwsgi_block(pairs)))
                request = parser.next_event()
                assert isinstance(request, Request)
                variables = request.variables
            return self.builder.build(variables)
        except ProtocolError as error:
            return str(error)

    def check(self, pairs: Pairs) -> bool:
        """Compare; whether the twin has made an environ."""
        encode = {"fastcgi": encode_pairs, "scgi": scgi_block, "uwsgi": wire.uwsgi_block}[self.protocol]
        found = getattr(self.environs, self.protocol)(encode(pairs))
        if found is None:
            return False
        expected = self.expected(pairs)
        assert found == expected
        assert {name: type(value) for name, value in found.items()} == {
            name: type(value)
            for name, value in self.expected(pairs).items()  # type: ignore[union-attr]
        }
        found.clear()  # what an application does with its environ is its own affair
        return True


def scgi_block(pairs: Pairs) -> bytes:
    return b"".join(b"%s\0%s\0" % pair for pair in pairs)


def protocol_of(server: str) -> str:
    return next((name for name in ("scgi", "uwsgi") if server.endswith(name)), "fastcgi")


def with_pair(name: bytes, value: bytes | None, pairs: Pairs = USUAL) -> Pairs:
    """``pairs`` with another value for ``name``, without it for None, or with one more."""
    others = [(key, value if key == name else old) for key, old in pairs if key != name or value is not None]
    known = name in dict(pairs)
    return [(key, old) for key, old in others if old is not None] + ([] if known or value is None else [(name, value)])


# The requests of real web servers


@pytest.mark.parametrize("script_name", [None, "", "/app"])
@pytest.mark.parametrize("server", SERVERS)
def test_captured_requests(server: str, script_name: str | None) -> None:
    twins = Twins(protocol_of(server), script_name=script_name)
    made = 0
    for _ in range(2):  # the second time the twin has seen all of them
        for capture in captures(server):
            for request in capture.requests():
                made += twins.check(request.variables)
    assert made or server in ("apache-authnzfcgi", "cgifcgi-fastcgi"), "the twin declines every request of this server"


@pytest.mark.parametrize(
    ("server", "configuration"),
    [
        ("nginx-fastcgi", "root"),
        ("nginx-fastcgi", "conf"),
        ("nginx-scgi", "root"),
        ("nginx-uwsgi", "root"),
        ("apache-proxyuwsgi", "pproot"),
        ("lighttpd-uwsgi", "app"),
        ("apache-fcgid", "scriptalias"),
        ("apache-proxyfcgi", "pproot"),
        ("lighttpd-fastcgi", "extroot"),
        ("haproxy-fcgi", "plain"),
    ],
)
def test_usual_requests_are_not_declined(server: str, configuration: str) -> None:
    twins = Twins(protocol_of(server))
    declined = []
    plain = [capture for capture in captures(server, configuration) if capture.http.startswith((b"GET ", b"HEAD "))]
    for capture in plain:
        for request in capture.requests():
            if not twins.check(request.variables):
                declined.append(capture.case)
    assert len(declined) < len(plain) / 3, declined


# Cases of their own


def test_the_usual_request_is_made_and_made_again() -> None:
    twins = Twins()
    for _ in range(3):
        assert twins.check(USUAL)


@pytest.mark.parametrize("name", [name for name, _ in USUAL] + [b"HTTPS", b"REQUEST_SCHEME", b"REMOTE_USER", b"HTTP_X"])
@pytest.mark.parametrize(
    "value", [b"", b"0", b"x", b"on", b"HTTPS", b"a\0b", b"/", b"//", b"%2F", b"\xe2\x82\xac", None]
)
def test_any_variable_with_any_value_after_the_usual_one(name: bytes, value: bytes | None) -> None:
    twins = Twins()
    twins.check(USUAL)
    twins.check(with_pair(name, value))
    assert twins.check(USUAL)


@pytest.mark.parametrize("length", [b"0", b"5", b"05", b"-1", b"+5", b" 5", b"5x", b"9" * 18, b"9" * 19])
def test_content_lengths(length: bytes) -> None:
    twins = Twins()
    assert twins.check(with_pair(b"CONTENT_LENGTH", length)) == (length in (b"0", b"5", b"9" * 18))


@pytest.mark.parametrize(
    "again", [b"SCRIPT_NAME", b"SERVER_NAME", b"HTTP_COOKIE", b"HTTP_X", b"CONTENT_TYPE", b"OTHER"]
)
def test_a_variable_that_comes_twice(again: bytes) -> None:
    """nginx sends its own SCRIPT_NAME and the deployer's. The values change, so that a kept one would be seen."""
    twins = Twins()
    for first, second in ((b"1", b"2"), (b"2", b"2"), (b"3", b"2"), (b"2", b"4")):
        pairs = [pair for pair in USUAL if pair[0] != again]
        twins.check([(again, first), *pairs, (again, second)])


@pytest.mark.parametrize(
    "pair",
    [
        (b"HTTP_PROXY", b"http://evil/"),
        (b"HTTP_CONTENT_LENGTH", b"99"),
        (b"HTTP_TRANSFER_ENCODING", b"chunked"),
        (b"wsgi.input", b"x"),
        (b"", b"x"),
        (b"A\0B", b"x"),
        (b"N" * 257, b"x"),
        (b"FCGI_ROLE", b"FILTER"),
    ],
)
def test_what_no_environ_may_have(pair: tuple[bytes, bytes]) -> None:
    twins = Twins()
    for _ in range(2):
        twins.check([*USUAL, pair])


@pytest.mark.parametrize(
    "name", ["HTTPS", "SERVER_NAME", "REMOTE_USER", "CONTENT_TYPE", "HTTP_X", "MINE", "SCRIPT_NAME"]
)
def test_what_the_deployer_sets_wins(name: str) -> None:
    twins = Twins(extra=[(name, "/on")])
    twins.check(USUAL)
    twins.check([*USUAL, (name.encode(), b"other")])


def test_a_stock_nginx_configuration_needs_no_repair() -> None:
    twins = Twins()
    pairs = with_pair(b"PATH_INFO", None, with_pair(b"SCRIPT_NAME", b"/a b"))
    for uri, here in ((b"/a%20b?x", b"/a b"), (b"/c", b"/c"), (b"/d//e", b"/d/e")):
        pairs = with_pair(b"SCRIPT_NAME", here, with_pair(b"REQUEST_URI", uri, pairs))
        assert twins.check(with_pair(b"DOCUMENT_URI", here, pairs))


def test_more_names_and_orders_than_are_remembered() -> None:
    twins = Twins()
    for number in range(3000):
        twins.check([*USUAL, (b"HTTP_X_%d" % number, b"x")])
    for number in range(len(USUAL)):
        assert twins.check(USUAL[number:] + USUAL[:number])


def test_a_block_that_lies_about_its_lengths_is_declined() -> None:
    twins = Twins()
    block = encode_pairs(USUAL)
    for end in range(len(block)):
        found = twins.environs.fastcgi(block[:end])
        if found is not None:
            assert found == twins.expected(decode_pairs(block[:end]))
    for lie in (b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x01\xff\xff\xff\xffA", b"\x80\0\0\1\x7fA", b"\x05\x05a"):
        assert twins.environs.fastcgi(block + lie) is None


def test_secrets_and_long_values_are_not_kept() -> None:
    twins = Twins()
    secret, long = b"Basic c2VjcmV0OnNlY3JldA==", b"v" * 600
    assert twins.check([*USUAL, (b"HTTP_AUTHORIZATION", secret), (b"HTTP_LONG", long)])
    kept = [value for held in gc.get_referents(twins.environs) if type(held) is dict for value in held.values()]
    assert "example.org" in kept
    assert secret.decode() not in kept
    assert long.decode() not in kept


# Any variables at all

names = st.sampled_from(
    [name for name, _ in USUAL] + [b"HTTPS", b"REQUEST_SCHEME", b"DOCUMENT_URI", b"REMOTE_USER", b"AUTH_TYPE"]
)
values = st.one_of(
    st.sampled_from(
        [b"", b"/", b"/app", b"/app/path", b"/path?q", b"0", b"7", b"on", b"HEAD", b"nginx/1", b"HAProxy 2", b"a:1"]
    ),
    st.binary(max_size=200),
)


@given(st.lists(st.tuples(st.one_of(names, st.binary(max_size=20)), values), max_size=40), st.booleans())
@example([], True)
def test_any_pairs(pairs: Pairs, usual_first: bool) -> None:
    twins = Twins()
    twins.check(pairs)
    twins.check(USUAL + pairs if usual_first else pairs + USUAL)
    twins.check(USUAL)


@given(st.binary(max_size=300))
def test_any_bytes(block: bytes) -> None:
    twins = Twins()
    for twin in (twins.environs.fastcgi, twins.environs.scgi, twins.environs.uwsgi):
        assert twin(block) is None or b"REQUEST_METHOD" in block


@given(st.lists(st.tuples(names, values.map(lambda value: value.replace(b"\0", b""))), max_size=20))
def test_any_scgi_headers(pairs: Pairs) -> None:
    twins = Twins("scgi")
    pairs = [pair for pair in pairs if pair[0] not in (b"CONTENT_LENGTH", b"SCGI")]
    if len(dict(pairs)) == len(pairs):  # the parser refuses others
        twins.check([(b"CONTENT_LENGTH", b"5"), (b"SCGI", b"1"), *pairs])


paths = st.sampled_from([b"", b"/", b"/app", b"/app/", b"/app/app", b"/app/x", b"/apple", b"/x", b"app"])


@given(paths, paths, paths, st.lists(st.tuples(names, values), max_size=20))
def test_any_uwsgi_variables(script: bytes, path: bytes, uri: bytes, pairs: Pairs) -> None:
    twins = Twins("uwsgi")
    changed = {b"SCRIPT_NAME": script, b"PATH_INFO": path, b"REQUEST_URI": uri}
    usual = [(name, changed.get(name, value)) for name, value in USUAL]
    twins.check(pairs)
    twins.check(usual)
    twins.check(usual + pairs)


@pytest.mark.parametrize(
    ("script", "path", "made"),
    [(b"/app", b"/x", True), (b"/app", b"/app/x", True), (b"", b"/x", True), (b"/app", b"/app", False)],
)
def test_a_mount_that_has_to_come_off_the_path_is_declined(script: bytes, path: bytes, made: bool) -> None:
    pairs = with_pair(b"SCRIPT_NAME", script, with_pair(b"PATH_INFO", path, with_pair(b"REQUEST_URI", path)))
    assert Twins("uwsgi").check(pairs) == made


@pytest.mark.parametrize("twice", [(b"REMOTE_USER", b"alice"), (b"CONTENT_LENGTH", b"5"), (b"SERVER_NAME", b"evil")])
def test_two_values_of_a_uwsgi_variable_are_declined(twice: tuple[bytes, bytes]) -> None:
    pairs = with_pair(b"REMOTE_USER", b"root", with_pair(b"CONTENT_LENGTH", b"3"))
    assert Twins("uwsgi").check(pairs)
    assert not Twins("uwsgi").check([*pairs, twice])


def test_bad_arguments() -> None:
    assert speedups.module is not None
    with pytest.raises(TypeError):
        speedups.module.Environs({}, {}, {}, repair, 5)
    twins = Twins()
    with pytest.raises(TypeError):
        twins.environs.__init__({}, {}, {}, repair, None)
    with pytest.raises(TypeError):
        twins.environs.fastcgi("text")
