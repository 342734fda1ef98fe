"""What may be in a status line and in headers: what passes, what is refused, and with what error."""

from __future__ import annotations

import enum
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.core import headers as module
from gateways.core.headers import check_headers, check_status
from tests.core.hostile_headers import accepted, hostile
from tests.core.recording import answer, answering

TEXT = ("Content-Type", "text/plain")


@pytest.mark.parametrize("way", ["first", "exc_info"])
def test_nothing_that_splits_a_response_passes(way: str) -> None:
    """Incidents 1.4: CVE-2016-9964, gh-143916, gh-144370, CVE-2026-33523."""
    assert accepted(way) == []


def test_nothing_that_splits_a_response_passes_under_python_O() -> None:
    """The checks of wsgiref vanish there (issue #150726)."""
    script = """
from tests.core.hostile_headers import accepted
print(__debug__, len(accepted("first")), len(accepted("exc_info")))
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-O", "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False 0 0\n"


def test_hostile_headers_are_answered_with_500_and_nothing_of_them_leaks() -> None:
    for status, headers in itertools.islice(hostile(), 0, None, 7):
        answered = answer(answering([b"page"], status, headers))
        assert answered.status == "500 Internal Server Error"
        assert ("X-Good", "1") not in answered.headers
        assert b"page" not in answered.body
        assert "ValueError" in answered.log


def test_an_application_that_goes_on_after_a_refusal_gets_no_response_out() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        try:
            start_response("200 OK\r\nX: 1", [TEXT])
        except ValueError:
            pass
        return [b"page"]

    answered = answer(application)
    assert answered.status == "500 Internal Server Error"
    assert "before it called start_response" in answered.log


def test_a_good_call_after_a_refused_one_counts() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        with pytest.raises(ValueError, match="control"):
            start_response("200 OK", [TEXT, ("X-Bad", "\0")])
        start_response("200 OK", [TEXT])
        return [b"page"]

    assert answer(application).body == b"page"


@pytest.mark.parametrize("status", ["200 OK", "200 ", "404 Not Found", "599 !~", "299 Gr\xfc\xdfe", "200 a  b"])
def test_good_status(status: str) -> None:
    assert check_status(status) == status


@pytest.mark.parametrize(
    "status",
    [
        *("", "200", "20", "2000 OK", "99 x", "1000 y", "099 x", "100 Continue", "101 Switching Protocols", "199 x"),
        *("OK", "abc OK", " 200 OK", "+20 OK", "2_0 OK", "200\tOK", "200-OK", "²00 OK", "٢٠٠ OK", "200 tab\there"),
    ],
)
def test_C14_bad_status(status: str) -> None:
    with pytest.raises(ValueError, match="status"):
        check_status(status)


@pytest.mark.parametrize("status", [200, b"200 OK", None, ("200 OK",)])
def test_status_of_another_type(status: object) -> None:
    with pytest.raises(TypeError, match="status must be str"):
        check_status(status)


@pytest.mark.parametrize(
    "headers",
    [
        (TEXT,),
        {"Content-Type": "text/plain"},
        iter([TEXT]),
        None,
        type("List", (list,), {})([TEXT]),  # PEP 3333: type(response_headers) is list
        [["Content-Type", "text/plain"]],
        ["Content-Type: text/plain"],
        ["ab"],
        [("Content-Type",)],
        [("Content-Type", "text/plain", "x")],
        [(b"Content-Type", "text/plain")],
        [("Content-Type", b"text/plain")],
        [("Content-Length", 5)],
        [("Content-Type", None)],
        [(None, "text/plain")],
    ],
)
def test_headers_of_another_type(headers: object) -> None:
    with pytest.raises(TypeError):
        check_headers(headers)


class Color(str, enum.Enum):
    RED = "X-Red"


class Liar(str):
    """Is one text, shows another, and calls every text harmless."""

    def __str__(self) -> str:
        return "1\r\nSet-Cookie: session=stolen"

    def __format__(self, spec: str) -> str:
        return str(self)

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return str(self).encode()

    def isascii(self) -> bool:
        return True

    def isprintable(self) -> bool:
        return True

    def strip(self, characters: str | None = None) -> str:
        return ""

    def translate(self, table: Any) -> str:
        return ""


def test_subclasses_of_str_are_sent_as_what_they_hold() -> None:
    """Frameworks have them: marked-safe text, enums. PEP 3333 says "strings"; wsgiref.validate is stricter."""
    headers, length = check_headers([(Color.RED, Liar("2")), ("Content-Length", Liar("5"))])
    assert headers == [("X-Red", "2"), ("Content-Length", "5")]
    assert {type(text) for pair in headers for text in pair} == {str}
    assert length == 5
    status = check_status(Liar("200 OK"))
    assert (type(status), status) == (str, "200 OK")


@pytest.mark.parametrize("value", ["a\r\nb", "\0", "\u010a"])
def test_subclasses_of_str_are_checked_for_what_they_hold(value: str) -> None:
    for headers in ([("X-Value", Liar(value))], [(Liar(value), "1")]):
        with pytest.raises(ValueError, match="response header"):
            check_headers(headers)
    with pytest.raises(ValueError, match="status"):
        check_status(Liar(f"200 {value}"))


def test_values_may_be_empty_latin1_and_hold_tabs() -> None:
    headers = [("X-Empty", ""), ("X-Latin", "caf\xe9 \x80\xff"), ("X-Tab", "a\tb"), ("x!#$%&'*+-.^_`|~9", " ")]
    assert check_headers(headers) == (headers, None)


@pytest.mark.parametrize(
    "name",
    [
        *("Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE"),
        *("Trailer", "Trailers", "Transfer-Encoding", "Upgrade", "transfer-ENCODING"),
    ],
)
def test_hop_by_hop_headers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="for the web server to send"):
        check_headers([(name, "x")])


@pytest.mark.parametrize("name", ["Status", "STATUS", "status"])
def test_a_status_header_is_refused(name: str) -> None:
    """In CGI it would replace the status line that start_response was given."""
    for _ in range(2):  # refused names are not remembered as good ones
        with pytest.raises(ValueError, match="Status"):
            check_headers([(name, "200 OK")])


@pytest.mark.parametrize("value", ["-1", "+5", "", " 5", "5 ", "0x5", "5_0", "5, 5", "5.0", "٥", "²", "1" * 20])
def test_content_length_is_one_number(value: str) -> None:
    with pytest.raises(ValueError, match="Content-Length"):
        check_headers([("Content-Length", value)])


@pytest.mark.parametrize("second", ["5", "6"])
def test_content_length_twice(second: str) -> None:
    with pytest.raises(ValueError, match="once"):
        check_headers([("Content-Length", "5"), ("CONTENT-length", second)])


def test_changing_the_list_after_start_response_has_no_effect() -> None:
    headers = [TEXT, ("X-First", "1")]

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", headers)
        headers.append(("Content-Length", "1\r\n"))
        headers[1] = ("Transfer-Encoding", "chunked")
        yield b"page"

    answered = answer(application)
    assert answered.headers == [TEXT, ("X-First", "1")]
    assert headers[1][0] == "Transfer-Encoding"


def test_the_list_is_left_as_it_was() -> None:
    headers = [TEXT]
    assert answer(answering([b"page"], headers=headers)).header("Content-Length") == "4"
    assert headers == [TEXT]


def test_remembered_names_are_bounded() -> None:
    check_headers([(f"X-Random-{number}", "1") for number in range(module._MAX_NAMES + 10)])
    assert len(module.known_names) <= module._MAX_NAMES
    with pytest.raises(ValueError, match="token"):
        check_headers([("X Random", "1")])
