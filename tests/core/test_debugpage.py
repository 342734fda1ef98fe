from __future__ import annotations

import importlib
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gateways.core.handler import SECRETS
from gateways.errors import BootError
from gateways.loader import load
from tests.core.recording import Answer, answer, make_environ

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
EVIL = "<script>alert(1)</script>\"'&"


class Page(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def failing(error: BaseException) -> Any:
    def application(environ: Any, start_response: Any) -> Any:
        password = "local secret"  # noqa: F841
        raise error

    return application


def shown(error: BaseException, debug: bool | str = True, **variables: str) -> tuple[Page, Answer]:
    answered = answer(failing(error), make_environ(HTTP_ACCEPT=BROWSER, **variables), debug=debug)
    assert answered.status == "500 Internal Server Error"
    return Page(answered.body.decode()), answered


def test_it_says_what_where_and_for_which_request() -> None:
    page, answered = shown(ValueError("no such thing"), QUERY_STRING="q=1", HTTP_HOST="example.org")
    assert "ValueError: no such thing" in page.text
    assert "GET /" in page.text
    assert f"{__file__}, line " in page.text
    assert "raise error" in page.text, "the source"
    assert "q=1" in page.text
    assert "example.org" in page.text
    assert sys.executable in page.text
    assert "gateways/core/handler.py" not in page.text, "a reader looks for his own frames"
    assert "Traceback" in answered.log, "the log has it, too"


def test_it_shows_the_notes_of_an_exception() -> None:
    """``add_note`` (PEP 678); before Python 3.11 it is an attribute that libraries set."""
    error = ValueError("no such thing")
    error.__notes__ = [f"try {EVIL}\nor another", 5]  # type: ignore[attr-defined]
    page, _ = shown(error)
    assert f"try {EVIL}" in page.text
    assert "or another" in page.text


def test_its_headers() -> None:
    _, answered = shown(ValueError())
    assert answered.header("Content-Type") == "text/html; charset=utf-8"
    assert answered.header("Cache-Control") == "no-store"
    assert answered.header("X-Content-Type-Options") == "nosniff"
    assert str(answered.header("Content-Security-Policy")).startswith("default-src 'none'; style-src 'sha256-")
    assert answered.header("Content-Length") == str(len(answered.body))


@pytest.mark.parametrize("accept", ["", "*/*", "application/json"])
def test_programs_get_plain_text(accept: str) -> None:
    answered = answer(failing(ValueError("<b>why</b>")), make_environ(HTTP_ACCEPT=accept), debug=True)
    assert answered.header("Content-Type") == "text/plain; charset=utf-8"
    assert b"ValueError: <b>why</b>" in answered.body


def test_what_comes_from_elsewhere_is_text() -> None:
    class Odd(Exception):
        pass

    Odd.__qualname__ = EVIL
    page, _ = shown(
        Odd(EVIL), SECRETS, PATH_INFO=EVIL, QUERY_STRING=EVIL, HTTP_USER_AGENT=EVIL, HTTP_COOKIE=EVIL, OTHER=EVIL
    )
    assert "script" not in page.tags
    assert page.text.count(EVIL) >= 6


SECRET = {
    "HTTP_AUTHORIZATION": "Basic aaaa1",
    "HTTP_COOKIE": "session=aaaa2",
    "HTTP_X_API_KEY": "aaaa3",
    "HTTP_X_AMZN_OIDC_DATA": "aaaa9",
    "HTTP_X_PIN": "aaaa9",
    "HTTP_X_CSRFTOKEN": "aaaa4",
    "REDIRECT_HTTP_AUTHORIZATION": "aaaa5",
    "DATABASE_URL": "postgres://aaaa6",
    "SSL_CLIENT_CERT": "aaaa7",
}


def test_it_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "aaaa8")
    page, _ = shown(ValueError(), **SECRET)
    assert "aaaa" not in page.text
    assert "local secret" not in page.text.replace('password = "local secret"', "")
    assert "SECRET_KEY" not in page.text
    for name in SECRET:
        assert name in page.text, "that it is there is no secret"
    assert page.text.count("--debug-secrets shows it") >= len(SECRET)


def test_unless_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "aaaa8")
    page, _ = shown(ValueError(), SECRETS, **SECRET)
    for value in (*SECRET.values(), "aaaa8", "'local secret'"):
        assert value in page.text
    assert "--debug-secrets shows it" not in page.text


def test_causes_are_shown_the_last_failure_first() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error

    answered = answer(application, make_environ(HTTP_ACCEPT=BROWSER), debug=True)
    page = Page(answered.body.decode())
    assert page.text.index("ValueError: second") < page.text.index("Before that: KeyError: 'first'")


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    page, _ = shown(first)
    assert page.text.count("Before that: ") == 1


def test_a_recursion_without_end_is_cut() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        return application(environ, start_response)

    answered = answer(application, make_environ(HTTP_ACCEPT=BROWSER), debug=True)
    page = Page(answered.body.decode())
    assert page.tags.count("details") == 40
    assert "calls are left out here" in page.text


class Unwilling:
    def __repr__(self) -> str:
        raise RuntimeError


def test_what_cannot_be_shown_is_said_to_be_so() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        value = Unwilling()  # noqa: F841
        environ["strange"] = Unwilling()
        environ["large"] = "x" * 10_000
        raise ValueError

    answered = answer(application, make_environ(HTTP_ACCEPT=BROWSER), debug=SECRETS)
    page = Page(answered.body.decode())
    assert page.text.count("(its repr() raises RuntimeError)") >= 2
    assert "(10000 characters)" in page.text


@pytest.mark.parametrize(
    "large", [b"x" * 5000, "x" * 5000, bytearray(5000), [1] * 5000], ids=lambda value: type(value).__name__
)
def test_of_what_is_large_a_part_is_looked_at(large: Any) -> None:
    """The text of an upload would take up to four times its size."""

    def application(environ: Any, start_response: Any) -> Any:
        upload = large  # noqa: F841
        raise ValueError

    answered = answer(application, make_environ(HTTP_ACCEPT=BROWSER), debug=SECRETS)
    text = Page(answered.body.decode()).text
    assert "upload" in text
    assert "..." in text
    assert "characters)" not in text


def test_a_page_that_fails_becomes_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("on purpose")

    monkeypatch.setattr("gateways.core.debugpage.render", fail)
    answered = answer(failing(ValueError("why")), make_environ(HTTP_ACCEPT=BROWSER), debug=True)
    assert answered.header("Content-Type") == "text/plain; charset=utf-8"
    assert b"ValueError: why" in answered.body
    assert b"the debug page failed: OSError: on purpose" in answered.body


def test_an_application_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "broken_app.py").write_text("one = 1\ntwo = (\n")
    importlib.invalidate_caches()
    with pytest.raises(BootError) as caught:
        load("broken_app")
    page, _ = shown(caught.value)
    assert "two = (" in page.text
    assert f"{tmp_path}/broken_app.py, line 2" in page.text
    assert "SyntaxError" in page.text


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_the_members_of_a_group_are_named() -> None:
    page, _ = shown(ExceptionGroup("two", [KeyError("one of them"), OSError("the other")]))  # noqa: F821
    assert "KeyError: 'one of them'" in page.text
    assert "OSError: the other" in page.text


def test_what_is_named_like_a_variable_of_wsgi_may_be_a_secret() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        environ["wsgi.secret"] = "b" * 12
        raise ValueError

    page = Page(answer(application, make_environ(HTTP_ACCEPT=BROWSER), debug=True).body.decode())
    assert "wsgi.secret" in page.text
    assert "b" * 12 not in page.text


class Ending(Exception):
    def __str__(self) -> str:
        raise SystemExit(2)

    __repr__ = __str__


@pytest.mark.parametrize("debug", [False, True, SECRETS])
def test_an_error_that_ends_the_program_when_it_is_shown(debug: bool | str) -> None:
    def application(environ: Any, start_response: Any) -> Any:
        value = Ending()  # noqa: F841
        raise Ending

    answered = answer(application, make_environ(HTTP_ACCEPT=BROWSER), debug=debug)
    assert answered.status == "500 Internal Server Error"
    assert "Ending" in answered.log


def test_nothing_of_it_for_a_head_request() -> None:
    environ = make_environ("HEAD", HTTP_ACCEPT=BROWSER)
    assert answer(failing(ValueError()), environ, debug=True).body == b""
