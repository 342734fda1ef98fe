"""Hooks: when they are called, with what, and what becomes of one that fails."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways import hooks
from gateways.core.filewrapper import FileWrapper
from gateways.errors import BootError
from gateways.hooks import NAMES, Hooks, WorkerInfo
from gateways.settings import Settings
from tests.core.recording import answer, answering, make_environ
from tests.support.source import CHECKOUT, FENCE

WORKER = WorkerInfo("shop", 7, 2, 1234, True)
PAGE = CHECKOUT / "docs" / "reference" / "hooks.md"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing is registered, and nothing stays imported."""
    monkeypatch.setattr(hooks, "_registered", {name: [] for name in NAMES})
    monkeypatch.setattr(hooks, "_passed", set())
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def load(text: str, log: list[str] | None = None) -> Hooks:
    """Load hooks from a file with ``text``."""
    Path("its_hooks.py").write_text(text, encoding="utf-8")
    return Hooks.load("its_hooks.py", [].append if log is None else log.append)


def call_all(given: Hooks) -> None:
    given.boot(Settings())
    for call in (given.pre_fork, given.post_fork, given.ready):
        call(WORKER)
    given.exit(WORKER, "reload")


# Finding them


@pytest.mark.parametrize("name", ["its_hooks", "its_hooks.py", "./its_hooks.py"])
def test_a_module_or_a_file(name: str) -> None:
    Path("its_hooks.py").write_text("seen = []\ndef ready(worker): seen.append(worker)\n", encoding="utf-8")
    Hooks.load(name).ready(WORKER)
    assert sys.modules["its_hooks"].seen == [WORKER]


def test_every_hook_is_called_with_what_the_manual_says() -> None:
    text = "seen = []\n"
    text += "".join(f"def {name}(*given): seen.append(({name!r}, *given))\n" for name in NAMES)
    given = load(text)
    call_all(given)
    environ = make_environ()
    answer(given.wrap(answering([b"x"])), environ)
    seen = sys.modules["its_hooks"].seen
    assert [call[0] for call in seen] == ["boot", "pre_fork", "post_fork", "ready", "exit", "request"]
    assert isinstance(seen[0][1], Settings)
    assert [call[1] for call in seen[1:5]] == [WORKER] * 4
    assert seen[4][2] == "reload"
    assert seen[5][1] is environ


def test_without_a_module_there_is_nothing_to_do() -> None:
    call_all(Hooks.load(None))


def test_those_of_the_module_come_first_and_then_the_registered_in_order() -> None:
    calls: list[str] = []
    given = load("def ready(worker): worker.append('module')\n")
    hooks.ready(lambda worker: calls.append("one"))
    hooks.ready(lambda worker: calls.append("two"))
    given.ready(calls)  # type: ignore[arg-type]
    assert calls == ["module", "one", "two"]


def test_what_is_registered_after_the_load_is_called() -> None:
    """An application registers while it is imported, which comes later."""
    given = Hooks.load(None)
    calls: list[object] = []
    hooks.post_fork(calls.append)
    given.post_fork(WORKER)
    assert calls == [WORKER]


def test_a_decorated_function_of_the_module_is_called_once() -> None:
    given = load(
        "from gateways import hooks\nfrom gateways.hooks import exit\nseen = []\n"
        "@hooks.ready\ndef ready(worker): seen.append(worker)\n"
    )
    given.ready(WORKER)
    given.exit(WORKER, "reload")  # what it imported is the decorator, and no hook
    assert sys.modules["its_hooks"].seen == [WORKER]
    assert hooks._registered["exit"] == []


def test_a_decorator_returns_its_function() -> None:
    def function(worker: object) -> None: ...

    assert hooks.ready(function) is function


def test_a_module_that_is_loaded_again_replaces_its_hooks() -> None:
    for _ in range(2):
        load("from gateways import hooks\n@hooks.ready\ndef check(worker): pass\n")
        del sys.modules["its_hooks"]
    assert len(hooks._registered["ready"]) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise ValueError('bad')", "{0}, line 1: ValueError: bad"),
        ("import nothing_of_this_name", "{0}, line 1: No module named 'nothing_of_this_name'; install it for"),
        ("def (", "{0}, line 1: SyntaxError: "),
        ("ready = 5", "ready is of type int, not a function"),
    ],
)
def test_a_module_that_cannot_be_used(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(BootError) as caught:
        load(text)
    assert str(caught.value).startswith(f"hooks 'its_hooks.py': {reason.format(tmp_path / 'its_hooks.py')}")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere.py", "there is no file {0}/nowhere.py"),
        ("nowhere", "there is no module 'nowhere' in {0} or elsewhere on Python's path"),
        ("a b", "cannot be understood: give a module, or path/to/file.py"),
    ],
)
def test_a_module_that_is_not_there(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(BootError) as caught:
        Hooks.load(name)
    assert str(caught.value).removeprefix(f"hooks {name!r}").lstrip(": ") == reason.format(tmp_path)


def test_a_slip_is_named_and_a_helper_is_not() -> None:
    log: list[str] = []
    load(
        "from os.path import exists as existing\n"
        "def post_frok(worker): pass\ndef helper(): pass\ndef _request(): pass\nclass Reader: pass\nreadyy = 1\n"
        "from gateways import hooks\n@hooks.ready\ndef is_ready(worker): pass\n",
        log,
    )
    assert log == ["hooks 'its_hooks.py': post_frok is no hook and is never called; did you mean 'post_fork'?"]


@pytest.mark.parametrize("name", ["boot", "request"])
def test_one_that_is_registered_too_late_is_told_so(name: str) -> None:
    given = Hooks.load(None)
    given.boot(Settings())
    given.wrap(answering([b""]))
    with pytest.warns(RuntimeWarning, match=f"hooks.{name}: this is too late, it will not be called; ") as caught:
        getattr(hooks, name)(lambda given: None)
    assert caught[0].filename == __file__


# Failing


@pytest.mark.parametrize("name", ["boot", "pre_fork", "post_fork", "ready"])
@pytest.mark.parametrize("error", ["OSError('no database')", "SystemExit('no database')"])
def test_one_that_fails_before_the_worker_is_ready(name: str, error: str, tmp_path: Path) -> None:
    given = load(f"def {name}(given):\n    raise {error}\n")
    with pytest.raises(BootError) as caught:
        getattr(given, name)(Settings() if name == "boot" else WORKER)
    kind = error.partition("(")[0]
    assert str(caught.value) == f"hook {name}: {tmp_path}/its_hooks.py, line 2: {kind}: no database"
    assert type(caught.value.__cause__).__name__ == kind


def test_one_that_fails_at_the_end_does_not_keep_the_others_from_it() -> None:
    log: list[str] = []
    given = load("import sys\ndef exit(worker, reason): sys.exit(1)\n", log)
    calls: list[str] = []
    hooks.exit(lambda worker, reason: calls.append(reason))
    given.exit(WORKER, "reload")
    assert calls == ["reload"]
    assert len(log) == 1
    assert "hook exit: " in log[0]


def test_without_a_log_it_is_standard_error(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    hooks.exit(lambda worker: None)
    Hooks.load(None).exit(WORKER, "reload")
    assert capsys.readouterr().err.startswith("gateways: hook exit: ")
    monkeypatch.setattr(sys, "stderr", None)
    Hooks.load(None).exit(WORKER, "reload")


# Requests


class Followed:
    """Hooks with one request hook, and what it was told afterwards."""

    def __init__(self) -> None:
        self.after: list[tuple[str, float]] = []
        self.log: list[str] = []
        self.hooks = Hooks(None, self.log.append)
        hooks.request(lambda environ: lambda status, seconds: self.after.append((status, seconds)))

    @property
    def statuses(self) -> list[str]:
        assert all(seconds >= 0 for _, seconds in self.after)
        return [status for status, _ in self.after]


@pytest.fixture
def followed() -> Followed:
    return Followed()


def test_without_a_request_hook_the_application_is_untouched() -> None:
    application = answering([b"x"])
    assert Hooks.load(None).wrap(application) is application
    assert load("def ready(worker): pass\n").wrap(application) is application


def test_a_hook_that_returns_nothing_leaves_the_response_alone() -> None:
    hooks.request(lambda environ: None)
    result = [b"x"]
    started: list[object] = []
    application = Hooks(None, print).wrap(answering(result))
    assert application(make_environ(), lambda *given: started.append(given)) is result


def test_the_environ_is_the_applications() -> None:
    hooks.request(lambda environ: environ.update({"shop.number": 5}))
    seen: list[object] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(environ["shop.number"])
        start_response("200 OK", [])
        return []

    answer(Hooks(None, print).wrap(application))
    assert seen == [5]


@pytest.mark.parametrize("result", [[b"one"], [b"one", b"two"], (b"one",), []])
def test_the_length_of_a_list_is_announced_as_before(followed: Followed, result: Any) -> None:
    plain = answer(answering(result))
    hooked = answer(followed.hooks.wrap(answering(result)))
    assert (hooked.headers, hooked.body) == (plain.headers, plain.body)
    assert hooked.header("Content-Length") == str(len(b"".join(result)))
    assert followed.statuses == ["200 OK"]


def test_a_generator_is_sent_block_by_block_and_closed(followed: Followed) -> None:
    closed: list[int] = []

    def generate() -> Iterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            closed.append(len(followed.after))

    sent = answer(followed.hooks.wrap(answering(generate())))
    assert [block for block in sent.sends if block] == [b"one", b"two"]
    assert closed == [0]  # before those who follow are told
    assert followed.statuses == ["200 OK"]


def test_a_file_is_still_one(followed: Followed, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    with (tmp_path / "file").open("rb") as file:
        wrapper = FileWrapper(file)
        application = followed.hooks.wrap(answering(wrapper))
        result = application(make_environ(), lambda *given: None)
        assert type(result) is FileWrapper
        result.close()
        assert file.closed
    assert followed.statuses == ["200 OK"]


def test_an_application_that_raises(followed: Followed) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        raise ValueError("broken")

    sent = answer(followed.hooks.wrap(application))
    assert sent.status == "500 Internal Server Error"
    assert "ValueError: broken" in sent.log
    assert followed.statuses == ["500 Internal Server Error"]


def test_a_status_that_is_replaced(followed: Followed) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        try:
            raise ValueError("late")
        except ValueError:
            start_response("503 Service Unavailable", [], sys.exc_info())
        return [b"x"]

    assert answer(followed.hooks.wrap(application)).status == "503 Service Unavailable"
    assert followed.statuses == ["503 Service Unavailable"]


def test_an_application_that_is_aborted_ends_too(followed: Followed) -> None:
    answer(followed.hooks.wrap(answering(iter([b"x"] * 10))), break_at=3)
    assert followed.statuses == ["200 OK"]


def test_a_block_that_is_no_bytes_is_the_applications_fault(followed: Followed) -> None:
    sent = answer(followed.hooks.wrap(answering(["text"])))
    assert sent.status == "500 Internal Server Error"
    assert "a response block must be bytes, not str" in sent.log
    assert len(followed.after) == 1


def test_a_hook_that_fails_is_logged_once_and_the_request_is_served(followed: Followed, tmp_path: Path) -> None:
    given = load("def request(environ):\n    raise KeyError('x')\n", followed.log)
    application = given.wrap(answering([b"served"]))
    assert [answer(application).body for _ in range(3)] == [b"served"] * 3
    [line] = followed.log
    assert line.startswith(f"hook request: {tmp_path}/its_hooks.py, line 2: KeyError: 'x'; requests are served")
    assert followed.statuses == ["200 OK"] * 3
    given._log_at = 0.0
    answer(application)
    assert "(3 times since the last such line)" in followed.log[1]


def test_a_follower_that_fails_is_logged_and_the_others_are_told(followed: Followed) -> None:
    hooks._registered["request"].insert(0, lambda environ: lambda status: None)
    assert answer(followed.hooks.wrap(answering([b"x"]))).body == b"x"
    assert followed.statuses == ["200 OK"]
    assert len(followed.log) == 1


# The manual


def examples() -> list[tuple[str, str]]:
    """Return each example of the page with the heading it is under."""
    found = []
    for section in PAGE.read_text(encoding="utf-8").split("\n## "):
        heading = section.partition("\n")[0]
        found += [(heading, code) for language, code in FENCE.findall(section) if language == "python"]
    return found


def test_the_manual_has_an_example_of_each() -> None:
    assert [heading for heading, _ in examples() if not heading.startswith("#")] == list(NAMES)


@pytest.mark.parametrize(("heading", "code"), examples())
def test_an_example_of_the_manual(heading: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logging.basicConfig", lambda **given: None)
    module = types.ModuleType("example")
    exec(compile(code, str(PAGE), "exec"), module.__dict__)
    log: list[str] = []
    given = Hooks(module, log.append)
    names = [name for name in NAMES if given._hooks(name)]
    assert names == [heading] if heading in NAMES else names
    call_all(given)
    assert answer(given.wrap(answering([b"x"]))).body == b"x"
    assert log == []


def test_a_worker_is_shown_with_all_that_is_known() -> None:
    text = repr(WORKER)
    assert text == "WorkerInfo(pool='shop', generation=2, number=7, pid=1234, preloaded=True)"
