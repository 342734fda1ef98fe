from __future__ import annotations

import builtins
import gc
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from gateways.core.handler import refuse
from gateways.errors import BodyTooLarge, BootError, ClientDisconnected, ConfigError, ProtocolError
from tests.core.recording import Answer, Recorder, answer, answering, make_environ

TEXT = ("Content-Type", "text/plain")


def failing(error: BaseException) -> Any:
    """An application that fails before it has started a response."""

    def application(environ: Any, start_response: Any) -> Any:
        raise error

    return application


def failing_after(blocks: list[bytes], error: BaseException) -> Any:
    """An application that fails after some blocks."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT])
        yield from blocks
        raise error

    return application


# close()


class Page:
    """An iterable that counts its close() calls and notes how much had been sent by then."""

    def __init__(self, *blocks: Any, error: BaseException | None = None, close_error: BaseException | None = None):
        self.blocks = blocks
        self.error = error
        self.close_error = close_error
        self.closed = 0
        self.sends_at_close = -1
        self.recorder: Recorder | None = None

    def __call__(self, environ: Any, start_response: Any) -> Page:
        start_response("200 OK", [TEXT, *environ.get("headers", [])])
        self.recorder = start_response.__self__._transport
        return self

    def __iter__(self) -> Iterator[Any]:
        for block in self.blocks:
            if isinstance(block, BaseException):
                raise block
            if isinstance(block, type):
                raise block("fresh")
            yield block

    def close(self) -> None:
        self.closed += 1
        assert self.recorder is not None
        self.sends_at_close = len(self.recorder.sends)
        if self.close_error is not None:
            raise self.close_error


LOST = LookupError("lost")


@pytest.mark.parametrize(
    ("page", "break_at"),
    [
        pytest.param(Page(b"one", b"two"), None, id="complete"),
        pytest.param(Page(), None, id="empty"),
        pytest.param(Page(LOST), None, id="fails at the first block"),
        pytest.param(Page(b"one", LOST), None, id="fails after a block"),
        pytest.param(Page(b"one", SystemExit(1)), None, id="exits"),
        pytest.param(Page(b"one", KeyboardInterrupt()), None, id="interrupted"),
        pytest.param(Page("text"), None, id="no bytes"),
        pytest.param(Page(b"one", "text"), None, id="no bytes after a block"),
        pytest.param(Page(b"one", ClientDisconnected("the body broke off")), None, id="upload broken off"),
        pytest.param(Page(b"one", b"two"), 0, id="client gone at the head"),
        pytest.param(Page(b"one", b"two"), 1, id="client gone at a block"),
        pytest.param(Page(b"one", b"two"), 2, id="client gone at the end"),
        pytest.param(Page(LOST), 0, id="client gone at the error page"),
        pytest.param(Page(b"one", close_error=LOST), None, id="fails in close()"),
        pytest.param(Page(b"one", LOST, close_error=ValueError("again")), None, id="fails, and in close(), too"),
    ],
)
def test_close_is_called_exactly_once(page: Page, break_at: int | None) -> None:
    assert page.closed == 0
    answer(page, break_at=break_at)
    assert page.closed == 1


@pytest.mark.parametrize(
    ("method", "headers", "sends"),
    [
        ("GET", [], [b"one", b"two", b""]),
        ("HEAD", [], [b""]),
        ("GET", [("Content-Length", "6")], [b"one", b"two"]),
        ("GET", [("Content-Length", "4")], [b"one", b"t"]),
    ],
)
def test_close_comes_after_the_last_byte(method: str, headers: Any, sends: list[bytes]) -> None:
    page = Page(b"one", b"two")
    environ = make_environ(method)
    environ["headers"] = headers
    assert answer(page, environ).sends == sends
    assert (page.closed, page.sends_at_close) == (1, len(sends))


def test_close_runs_when_start_response_was_never_called() -> None:
    closed = []

    class Silent(Page):
        def close(self) -> None:
            closed.append(True)

    assert answer(lambda environ, start_response: Silent(b"one")).status == "500 Internal Server Error"
    assert closed == [True]


def test_close_runs_for_a_result_that_cannot_be_iterated() -> None:
    closed = []

    class Broken:
        def __iter__(self) -> Any:
            raise LOST

        def close(self) -> None:
            closed.append(True)

    assert answer(answering(Broken())).status == "500 Internal Server Error"
    assert closed == [True]


def test_a_generator_is_closed_where_it_stands() -> None:
    left = []

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT])
        try:
            yield b"one"
            yield b"two"
        finally:
            left.append(sys.exc_info()[0])

    answer(application, break_at=1)
    assert left == [GeneratorExit]


@pytest.mark.parametrize("error", [LOST, ClientDisconnected("from somewhere else")])
def test_a_failing_close_does_not_spoil_a_complete_response(error: Exception) -> None:
    answered = answer(Page(b"one", close_error=error))
    assert answered.status == "200 OK"
    assert answered.ended
    assert not answered.response.aborted
    assert str(error) in answered.log + answered.response.failure


def test_nothing_keeps_the_request_alive() -> None:
    """No cycle through tracebacks: what the application holds is freed with the request, not at the next collection."""
    gc.collect()
    gc.disable()
    try:
        for blocks in ([b"one"], [LookupError], [b"one", LookupError], ["text"]):
            page = Page(*blocks)
            reference = weakref.ref(page)
            answer(page)
            del page
            assert reference() is None
    finally:
        gc.enable()


# Failures


ERRORS = [LOST, SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError(), RecursionError("deep")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_C13_a_failure_before_the_first_byte_is_a_500(error: BaseException) -> None:
    for application in (failing(error), failing_after([], error), failing_after([b""], error)):
        answered = answer(application)
        assert answered.status == "500 Internal Server Error"
        assert answered.header("Content-Type") == "text/plain; charset=utf-8"
        assert answered.header("Cache-Control") == "no-store"
        assert answered.body == (
            b"500 Internal Server Error\n\nThe application failed. The reason is in the error log.\n"
        )
        assert answered.log.startswith(f"gateways: GET /: {type(error).__name__}")
        assert not answered.response.aborted


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_C13_a_failure_after_it_breaks_the_response_off(error: BaseException) -> None:
    answered = answer(failing_after([b"half"], error))
    assert (answered.status, answered.body) == ("200 OK", b"half")
    assert answered.aborted
    assert answered.response.aborted
    assert type(error).__name__ in answered.log


def test_a_failure_after_write_breaks_the_response_off() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT])(b"half")
        raise LOST

    assert answer(application).aborted


def test_a_failure_after_a_complete_response_is_only_logged() -> None:
    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [TEXT, ("Content-Length", "4")])
        yield b"page"
        raise LOST

    answered = answer(application)
    assert answered.ended
    assert not answered.response.aborted
    assert "LookupError: lost" in answered.log


def test_headers_of_the_failed_response_are_not_on_the_error_page() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [TEXT, ("Set-Cookie", "session=1"), ("Content-Length", "100")])
        raise LOST

    names = [name for name, _ in answer(application).headers]
    assert names == ["Content-Type", "Cache-Control", "Content-Length"]


def test_the_error_page_of_head_has_no_body() -> None:
    answered = answer(failing(LOST), make_environ("HEAD"))
    assert (answered.status, answered.sends) == ("500 Internal Server Error", [b""])
    assert answered.header("Content-Length") != "0"


def test_nothing_of_the_failure_or_the_request_is_on_the_page() -> None:
    environ = make_environ(path="/<script>", QUERY_STRING="secret", HTTP_COOKIE="secret")
    answered = answer(failing(ValueError("secret")), environ)
    for word in (b"secret", b"script", b"Traceback", b"ValueError", b".py"):
        assert word not in answered.body


def test_debug_puts_the_traceback_on_the_page() -> None:
    answered = answer(failing(ValueError("<b>why</b>")), debug=True)
    assert answered.status == "500 Internal Server Error"
    assert answered.header("Content-Type") == "text/plain; charset=utf-8"
    assert b"Traceback" in answered.body
    assert b"ValueError: <b>why</b>" in answered.body


def test_the_client_may_go_while_it_gets_the_error_page() -> None:
    answered = answer(failing(LOST), break_at=0)
    assert answered.response.aborted
    assert answered.log.count("gateways: ") == 1


# The client's leaving, and requests at fault


@pytest.mark.parametrize("break_at", [0, 1, 2])
def test_a_client_that_has_gone_is_no_error_of_the_application(break_at: int) -> None:
    answered = answer(answering(iter([b"one", b"two"])), break_at=break_at)
    assert answered.log == ""
    assert answered.response.aborted
    assert answered.response.failure == "GET /: the client has gone"
    assert answered.response.body_bytes == len(answered.body)


def body_breaks_off() -> bytes:
    raise ClientDisconnected("the body broke off")


def read_all(environ: Any, start_response: Any) -> Any:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [TEXT])
    return [body]


def test_F30_an_upload_that_breaks_off() -> None:
    """Nobody waits for a page: no 500, which would be the application's fault, and no traceback."""
    answered = answer(read_all, make_environ("POST", CONTENT_LENGTH="5"), body=body_breaks_off)
    assert answered.aborted
    assert answered.sends == []
    assert answered.log == ""
    assert answered.response.failure == "POST /: the body broke off"


def test_an_application_may_answer_a_broken_upload() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        try:
            environ["wsgi.input"].read()
        except OSError:
            start_response("400 Bad Request", [TEXT])
        return [b"what?"]

    answered = answer(application, make_environ("POST", CONTENT_LENGTH="5"), body=body_breaks_off)
    assert (answered.status, answered.body) == ("400 Bad Request", b"what?")


def test_a_request_at_fault_gets_the_status_of_the_error() -> None:
    """max_body_size, found out while the application reads."""

    def receive() -> bytes:
        raise BodyTooLarge("the request body is larger than allowed")

    answered = answer(read_all, make_environ("POST", CONTENT_LENGTH="5"), body=receive)
    assert answered.status == "413 Content Too Large"
    assert b"larger than allowed" in answered.body
    assert answered.log == "gateways: POST /: the request body is larger than allowed\n"


def test_a_protocol_error_of_the_applications_own_is_its_failure() -> None:
    """An application may be a client itself; what its backend does wrong is not the fault of the request."""
    answered = answer(failing_after([], ProtocolError("the backend sent nonsense", "400 Bad Request")))
    assert answered.status == "500 Internal Server Error"
    assert "Traceback" in answered.log


def test_a_request_at_fault_after_the_first_byte_breaks_the_response_off() -> None:
    answered = answer(failing_after([b"half"], BodyTooLarge("too large")))
    assert answered.aborted


# An application that cannot be loaded


def boot_error(cause: BaseException | None) -> BootError:
    try:
        raise BootError("app:application cannot be loaded") from cause
    except BootError as error:
        return error


def test_boot_error() -> None:
    answered = answer(failing(boot_error(ImportError("No module named 'flask'"))))
    assert answered.status == "500 Internal Server Error"
    assert b"could not be loaded" in answered.body
    assert b"flask" not in answered.body
    first, *rest = answered.log.splitlines()
    assert first == "gateways: GET /: app:application cannot be loaded"
    assert rest[-1] == "  ImportError: No module named 'flask'"


def test_boot_error_that_says_it_all() -> None:
    answered = answer(failing(boot_error(None)))
    assert answered.log == "gateways: GET /: app:application cannot be loaded\n"


# The log


def records(answered: Answer) -> list[str]:
    """The lines that begin a record; the others are indented."""
    assert answered.log.endswith("\n")
    return [line for line in answered.log.splitlines() if not line.startswith("  ")]


def test_the_log_has_the_cause_first_and_the_traceback_below() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        return environ["missing"]

    answered = answer(application, make_environ("POST", "/path", REQUEST_URI="/path?query"))
    first, second, *rest = answered.log.splitlines()
    assert first == "gateways: POST /path?query: KeyError: 'missing'"
    assert second == "  Traceback (most recent call last):"
    assert "in application" in rest[0]  # not in handle
    assert rest[-1] == "  KeyError: 'missing'"
    assert "core/handler.py" not in answered.log


@pytest.mark.parametrize("forged", ["a\nforged", "a\r\nforged", "a\x85forged", "a\u2028forged", "a\x0bforged\x1b[31m"])
def test_one_failure_is_one_record(forged: str) -> None:
    """Finding 14: a client's bytes are in messages and paths; none of them begins a record or steers a terminal."""
    answered = answer(failing(ValueError(forged)))
    assert len(records(answered)) == 1
    assert "\x1b" not in answered.log
    assert "\r" not in answered.log

    environ = make_environ()
    environ["PATH_INFO"] = environ["REQUEST_METHOD"] = forged
    for application in (failing(LOST), answering([b"too long"], headers=[TEXT, ("Content-Length", "1")])):
        assert len(records(answer(application, dict(environ)))) == 1
    assert "\n" not in answer(answering([b""]), dict(environ), break_at=0).response.failure
    assert "\n" not in answer(failing(ClientDisconnected(forged))).response.failure


def test_a_chain_of_errors_is_one_record() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        try:
            raise LookupError("first\ncause")
        except LookupError as error:
            raise ValueError("second") from error

    answered = answer(application)
    assert records(answered) == ["gateways: GET /: ValueError: second"]
    assert "  The above exception was the direct cause" in answered.log


def test_errors_of_several_lines_are_summed_up() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        compile("a b", "page.py", "exec")

    [record] = records(answer(application))
    assert record.startswith("gateways: GET /: SyntaxError: invalid syntax")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no exception groups before Python 3.11")
def test_an_exception_group_with_notes_is_summed_up() -> None:
    group: Any = getattr(builtins, "ExceptionGroup")("two things", [LOST, LOST])  # noqa: B009
    group.add_note("look again")
    assert records(answer(failing(group))) == ["gateways: GET /: ExceptionGroup: two things (2 sub-exceptions)"]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_an_error_without_a_text() -> None:
    answered = answer(failing(Unspeakable()))
    assert answered.status == "500 Internal Server Error"
    assert records(answered) == ["gateways: GET /: Unspeakable: (it cannot be shown as text)"]


def test_an_application_may_do_anything_to_its_environ() -> None:
    def cleared(environ: Any, start_response: Any) -> Any:
        environ.clear()
        raise LOST

    def mistyped(environ: Any, start_response: Any) -> Any:
        environ.update({"REQUEST_METHOD": 1, "REQUEST_URI": None, "SCRIPT_NAME": b"x", "wsgi.errors": None})
        raise LOST

    for application in (cleared, mistyped):
        answered = answer(application)
        assert answered.status == "500 Internal Server Error"
        assert "LookupError: lost" in answered.log


def test_a_long_path_is_cut() -> None:
    [record] = records(answer(failing(LOST), make_environ(path="/" + "x" * 10_000)))
    assert len(record) < 300


def test_the_application_s_own_lines_come_first() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        environ["wsgi.errors"].write("before\n")
        raise LOST

    assert answer(application).log.startswith("before\ngateways: GET /: LookupError")


# refuse()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ProtocolError("bad length", "400 Bad Request"), "400 Bad Request"),
        (ConfigError("script_name: has to begin with a slash"), "500 Internal Server Error"),
    ],
)
@pytest.mark.parametrize("head_only", [False, True])
def test_refuse(error: Any, status: str, head_only: bool) -> None:
    recorder = Recorder()
    response = refuse(recorder, error, head_only)
    assert (recorder.status, recorder.ended, recorder.violations) == (status, True, [])
    page = f"{status}\n\nThe request could not be served. The error log says why.\n"
    assert recorder.header("Content-Length") == str(len(page))
    assert recorder.body == (b"" if head_only else page.encode())
    assert response.status == status


def test_refuse_a_client_that_has_gone() -> None:
    assert refuse(Recorder(break_at=0), ProtocolError("bad length", "400 Bad Request")).aborted
