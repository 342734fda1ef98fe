"""The parsers on the bytes of real web servers (tests/corpus), in any pieces."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from gateways.adapters import ajp, fastcgi, scgi, uwsgi
from tests.support.corpus import CORPUS, Capture, captures
from tests.support.drive import Outcome, cut, drive

if TYPE_CHECKING:
    from gateways.adapters.interface import ServerConnection

KINDS = ("fastcgi", "fcgi", "fcgid", "scgi", "uwsgi", "proxyajp", "ajp13")
SERVERS = sorted(path.name for path in CORPUS.iterdir() if path.name.endswith(KINDS))


def new_parser(capture: Capture) -> ServerConnection:
    return {"scgi": scgi, "uwsgi": uwsgi, "ajp": ajp}.get(capture.transport, fastcgi).ServerConnection()


def requests(outcome: Outcome) -> list[tuple[list[tuple[bytes, bytes]], bytes]]:
    """The requests of an outcome, variables and body, without what the parser adds itself."""
    found: list[tuple[Any, bytes]] = []
    for event in outcome.events:
        if event[0] == "request":
            variables = [item for item in event[1] if item[0] != b"FCGI_ROLE"]
            found.append((variables, b""))
        elif isinstance(event, bytes):
            found[-1] = (found[-1][0], event)
    return found


def test_all_servers_are_here() -> None:
    assert {"nginx-fastcgi", "apache-fcgid", "apache-proxyfcgi", "lighttpd-fastcgi"} <= set(SERVERS)
    assert {"nginx-scgi", "apache-proxyscgi", "lighttpd-scgi"} <= set(SERVERS)
    assert {"nginx-uwsgi", "apache-proxyuwsgi", "lighttpd-uwsgi"} <= set(SERVERS)
    assert {"apache-proxyajp", "lighttpd-ajp13"} <= set(SERVERS)


@pytest.mark.parametrize("server", SERVERS)
def test_requests_come_out_as_an_independent_reader_finds_them(server: str) -> None:
    compared = 0
    for capture in captures(server):
        expected = capture.requests()
        if len(expected) != 1 or not expected[0].variables:
            continue  # HAProxy multiplexing or giving up: test_any_pieces_give_the_same
        variables, body = expected[0].variables, expected[0].body
        outcome = drive(new_parser(capture), [capture.data])
        if capture.transport == "uwsgi":
            body = body[: int(dict(variables).get(b"CONTENT_LENGTH") or 0)]
        if capture.transport == "scgi":
            # nginx configured to set CONTENT_LENGTH itself adds an empty one where there is no body
            variables = variables[:1] + [item for item in variables[1:] if item != (b"CONTENT_LENGTH", b"")]
            body = body[: int(dict(variables)[b"CONTENT_LENGTH"])]
        own = [item for item in variables if item[0] != b"FCGI_ROLE"]
        [(found, found_body)] = requests(outcome)
        if found[-1:] == [(b"CONTENT_LENGTH", b"0")] and found[:-1] == own:
            found.pop()  # an authorizer has no body
        if capture.transport == "ajp":  # the order is none of the wire
            found, own = sorted(found), sorted(own)
        assert (found, found_body) == (own, body), capture.name
        compared += 1
    assert compared


@pytest.mark.parametrize("server", SERVERS)
def test_any_pieces_give_the_same(server: str) -> None:
    chance = random.Random(server)
    for capture in captures(server):
        data = capture.data
        for reads_body in (True, False):
            whole = drive(new_parser(capture), [data], reads_body=reads_body)
            points = [chance.randrange(len(data) + 1) for _ in range(chance.choice([1, 2, 10]))]
            pieces = cut(data, points)
            assert drive(new_parser(capture), pieces, reads_body=reads_body) == whole, (capture.name, points)
    small = [data[at : at + 3] for at in range(0, len(data), 3)]
    assert drive(new_parser(capture), small, reads_body=False) == whole
