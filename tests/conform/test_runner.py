"""All cases against ours, which passes them on every transport; and against a backend that does not."""

from __future__ import annotations

import dataclasses

import pytest

from gateways.addresses import parse_address
from gateways.conform.case import FAIL, PASS, Fair
from gateways.conform.runner import READERS, Backend, UnfitBackend, cases_of, meet, run_cases
from gateways.errors import ConfigError, ConnectError
from tests.conform.support import broken, nobody, ours, results
from tests.support.backends import Peer, saying, scripted
from tests.support.managing import managing
from tests.support.serving import PATIENCE
from tests.tools import conformance

#: Cases that a backend fails which trusts its web server in everything.
NAIVE = {"F07", "F10", "F13", "F38", "F43"}


@pytest.mark.parametrize("protocol", READERS)
def test_ours_passes_every_case(protocol: str) -> None:
    """And that is what the page says: write it with python -m tests.tools.conformance."""
    found = conformance.run_ours(protocol)
    assert {number: came for number, (grade, came) in found.items() if grade != PASS} == {}
    written = conformance.read()[conformance.OURS]["results"][protocol]
    assert {number: grade for number, (grade, _) in found.items()} == {
        number: grade for number, (grade, _) in written.items()
    }


@pytest.mark.parametrize("protocol", READERS)
def test_ours_passes_every_case_by_tcp(protocol: str) -> None:
    with ours(protocol, tcp=True) as address:
        found = results(protocol, address)
    assert {number: result.came for number, result in found.items() if result.grade != PASS} == {}
    assert list(found) == [case.number for case in cases_of(protocol, Fair())]


def test_ours_with_workers_passes_every_case() -> None:
    flags = [flag for protocol in READERS for flag in (f"--{protocol}", f"unix:{{dir}}/{protocol}")]
    with managing("--workers", "2", *flags[2:], application="gateways.conform.echo") as managed:
        found = results("fastcgi", f"unix:{managed.directory}/socket")
        for protocol in [*READERS][1:]:
            found.update(results(protocol, f"unix:{managed.directory}/{protocol}"))
    assert {number: result.came for number, result in found.items() if result.grade != PASS} == {}


def test_the_page_is_the_one_that_is_written() -> None:
    """Write it with: python -m tests.tools.conformance"""
    assert conformance.PAGE.read_text(encoding="utf-8") == conformance.page(conformance.read())


def test_a_backend_that_trusts_everybody_fails_what_it_should() -> None:
    with broken() as address:
        found = results("fastcgi", address, "F01", "F03", "F17", *sorted(NAIVE))
    assert {number for number, result in found.items() if result.grade == FAIL} == NAIVE, found
    assert "the application sees REMOTE_USER" in found["F38"].came
    assert "the application sees HTTP_PROXY" in found["F43"].came


def test_a_backend_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with broken() as address:
        fair = Fair()
        backend = meet("fastcgi", parse_address(address), fair, PATIENCE)
        monkeypatch.setattr(Backend, "alive", lambda self: "")
        [result] = run_cases(dataclasses.replace(backend, timeout=0.1), cases_of("fastcgi", fair, ["F42"]))
    assert (result.grade, result.came) == (FAIL, "left hanging")


def test_a_backend_that_serves_no_more_ends_the_run() -> None:
    def fair(peer: Peer) -> None:
        peer.serve()

    def gone(peer: Peer) -> None:
        peer.request()

    with scripted(fair, fair, gone) as backend:
        found = results("fastcgi", backend.address)
    assert list(found) == ["F01"]
    assert found["F01"].grade == FAIL
    assert "a plain request afterwards: closed" in found["F01"].came


def test_another_application_is_checked_for_less() -> None:
    """What the application sees cannot be known, and is not held against the backend."""
    with scripted(Peer.serve) as backend:
        found = results("fastcgi", backend.address, "F43", "F23")
    assert [result.grade for result in found.values()] == [PASS, PASS]
    assert found["F43"].came == "200"


def test_a_backend_that_answers_no_plain_request() -> None:
    act = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with scripted(act) as backend, pytest.raises(UnfitBackend, match=r"plain request.*not FastCGI: HTTP/1.1 400"):
        results("fastcgi", backend.address)


def test_nobody_is_there() -> None:
    with pytest.raises(ConnectError):
        results("fastcgi", nobody())


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("F99", "there is no case 'F99' for fastcgi; gateways conform --fastcgi ADDR --list prints them"),
        ("S01", "there is no case 'S01' for fastcgi; it is one of --scgi"),
        ("F55", "header timeout"),
    ],
)
def test_a_case_that_cannot_be_run(number: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        cases_of("fastcgi", Fair(), [number])


def test_the_order_asked_for_is_kept() -> None:
    assert [case.number for case in cases_of("scgi", Fair(), ["S07", "S02"])] == ["S07", "S02"]
