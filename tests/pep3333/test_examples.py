"""PEP 3333's own examples on every transport: each form of an application, and middleware in pipes of any length."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.client.transports import TRANSPORTS
from gateways.errors import GatewayError
from tests.pep3333 import parts
from tests.support.serving import until
from tests.support.transports import ALL, Asked, ByClient, asked

BODY = b"first line\nsecond\n\nlast"
FILE = (b"0123456789" * 10_000)[5:]


#: Where the response ends with the connection: over a Unix socket nothing tells an end from a break.
CANNOT_TELL = ("scgi", "uwsgi")


@pytest.fixture(scope="module", params=ALL)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def served(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked("tests.pep3333.parts", transport, tmp_path_factory.mktemp("cgi")) as served:
        yield served


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/page", b"the quick fox\n"),
        ("/class", b"from an instance\n"),
        ("/instance", b"from a call\n"),
        ("/generator", b"line 0\nline 1\nline 2\n"),
        ("/written", b"some is written\nsome is returned\n"),
        ("/file", FILE),
        ("/likefile", b"as if from a file\n"),
        ("/latin+page", b"hetay uickqay oxfay\n"),
        ("/latin+written", b"omesay siay rittenway\nomesay siay eturnedray\n"),
        ("/shout+latin+class", b"ROMFAY NAAY NSTANCEIAY\n"),
        ("/latin+shout+class", b"FROM AN INSTANCE\n"),
        ("/whole+generator", b"line 0\nline 1\nline 2\n"),
        ("/whole+latin+written", b"omesay siay rittenway\nomesay siay eturnedray\n"),
        ("/latin+whole+shout+whole+latin+guard+page", b"HETAY UICKQAY OXFAY\n"),
        ("/shout+file", FILE),
        ("/whole+file", FILE),
    ],
)
def test_the_response_passes_every_layer(served: Asked, path: str, body: bytes) -> None:
    reply = served.ask(path)
    assert (reply.status, reply.reason, reply.body) == (200, "OK", body)


@pytest.mark.parametrize("path", ["/page", "/written", "/generator", "/latin+page", "/whole+shout+class", "/file"])
def test_HEAD_has_no_body(served: Asked, path: str) -> None:
    reply = served.ask(path, "HEAD")
    assert (reply.status, reply.body) == (200, b"")


def test_headers_of_layers_are_added(served: Asked) -> None:
    reply = served.ask("/shout+latin+page")
    assert (reply.header("X-Shout"), reply.header("Content-Type")) == ("yes", "text/plain")
    assert reply.header("Content-Length") in (None, str(len(reply.body)))


def test_the_length_that_a_layer_has_counted_is_sent(served: Asked) -> None:
    assert served.ask("/whole+latin+page").header("Content-Length") == "20"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/echo", BODY),
        ("/reverse+echo", BODY[::-1]),
        ("/reverse+reverse+echo", BODY),
        ("/shout+reverse+echo", BODY[::-1].upper()),
        ("/whole+latin+echo", b"irstfay inelay\necondsay\n\nastlay"),
    ],
)
def test_the_body_passes_every_layer(served: Asked, path: str, body: bytes) -> None:
    assert served.ask(path, "POST", BODY, (("Content-Type", "text/plain"),)).body == body


def test_a_body_that_nobody_reads_does_not_matter(served: Asked) -> None:
    assert served.ask("/latin+page", "POST", b"x" * 100_000).body == b"hetay uickqay oxfay\n"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/where/a/b", "/where | /a/b"),
        ("/mounted+where/a/b", "/mounted+where/a | /b"),
        ("/mounted+mounted+where/a/b", "/mounted+mounted+where/a/b | "),
        ("/mounted+where/caf%C3%A9/x", "/mounted+where/café | /x"),
    ],
)
def test_a_layer_can_move_the_mount_point(served: Asked, path: str, place: str) -> None:
    reply = served.ask(path)
    assert (reply.status, reply.body) == (200, place.encode())


@pytest.mark.parametrize("path", ["/changed", "/latin+changed", "/whole+changed"])
def test_an_application_can_change_its_mind(served: Asked, path: str) -> None:
    reply = served.ask(path)
    assert (reply.status, reply.reason) == (500, "Oops")
    assert reply.header("X-First") is None
    assert reply.body == (b"naay rroreay agepay\n" if "latin" in path else b"an error page\n")


def test_a_layer_can_answer_for_an_application_that_fails(served: Asked) -> None:
    reply = served.ask("/shout+guard+latin+failing")
    assert (reply.status, reply.body) == (503, b"GUARDED: NOBODY HOME\n")


def test_the_failure_that_no_layer_takes_is_answered(served: Asked) -> None:
    reply = served.ask("/latin+failing")
    assert reply.status == 500
    assert b"nobody home" not in reply.body


@pytest.mark.parametrize("path", ["/late", "/latin+late"])
def test_a_failure_in_the_middle_does_not_look_complete(served: Asked, transport: str, path: str) -> None:
    if transport in CANNOT_TELL:
        assert served.ask(path).body in (b"half of it\n", b"alfhay foay tiay\n")
    else:
        with pytest.raises(GatewayError):
            served.ask(path)


@pytest.mark.parametrize("path", ["/latin+shout+page", "/latin+shout+written"])
def test_layers_are_closed_once_from_the_outside_in(served: Asked, path: str) -> None:
    before = len(served.log())
    served.ask(path)
    until(lambda: served.log()[before:].count("closed") == 2)
    assert [line for line in served.log()[before:].splitlines() if "closed" in line] == ["closed Latin", "closed Shout"]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("path", ["/steps", "/latin+shout+latin+steps"])
def test_no_layer_holds_a_block_back(transport: str, path: str) -> None:
    with asked("tests.pep3333.parts", transport, Path()) as served:
        assert isinstance(served, ByClient)
        with served.client.request("GET", path) as response:
            blocks = response.iter_body()
            for number in range(3):
                # The next block is not made before this one is here.
                assert next(blocks).lower().endswith(b"%d\n" % number)
                parts.STEP.release()
            assert next(blocks, None) is None
