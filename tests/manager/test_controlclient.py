"""Asking a master: its answers, and what goes wrong, said so that one knows what to do."""

from __future__ import annotations

import contextlib
import os
import socket
import threading

import pytest

from gateways.errors import ConfigError, ConnectError
from gateways.manager.controlclient import FailedError, MasterGoneError, ask, ask_and_follow
from gateways.manager.tickets import Ticket, done
from tests.manager.answering import Loop
from tests.support.processes import as_nobody
from tests.support.serving import PATIENCE, until


@pytest.fixture
def loop(socket_dir):
    with Loop(socket_dir / "control") as loop, loop.running():
        yield loop


@contextlib.contextmanager
def impostor(path, *answers: bytes):
    """Something that listens at ``path``, and gives one of ``answers`` to each connection."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(5)

        def serve() -> None:
            for answer in answers:
                sock, _ = listener.accept()
                with sock, contextlib.suppress(OSError):  # a client may go before the end
                    sock.recv(4096)
                    sock.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(PATIENCE)


def test_a_question_is_answered(loop):
    loop.master.figures = {"pools": [{"text": "x" * 100_000}]}
    assert ask(loop.control.path, {"ask": "status"}) == done(status=loop.master.figures)


def test_a_reload_is_followed_to_its_end(loop):
    def go_on() -> None:
        until(lambda: loop.master.asked)
        ticket = loop.master.ticket
        loop.call(lambda: ticket.tell("booting", "1 of 2 workers is ready"))
        loop.call(lambda: ticket.tell("booting", "1 of 2 workers is ready"))
        loop.call(lambda: ticket.tell("alive", ""))
        loop.call(lambda: ticket.tell("booting", "2 of 2 workers are ready"))
        loop.call(ticket.end)

    said: list[str] = []
    thread = threading.Thread(target=go_on)
    thread.start()
    assert ask_and_follow(loop.control.path, {"ask": "reload"}, said.append) == done()
    thread.join()
    assert said == ["1 of 2 workers is ready", "2 of 2 workers are ready"]


def test_a_failure_is_an_error(loop):
    loop.call(lambda: loop.master.ticket.end("no module named app"))
    with pytest.raises(FailedError, match=r"^no module named app$") as caught:
        ask(loop.control.path, {"ask": "reload"})
    assert caught.value.exit_code == 1


def test_a_refusal_is_a_wrong_use(loop):
    with pytest.raises(ConfigError, match="there is no pool 'blog'"):
        ask(loop.control.path, {"ask": "reload", "pool": "blog"})


def test_a_replaced_master_is_asked_again(loop):
    given, last = Ticket(), Ticket()
    last.end()

    def reload(pool: object) -> Ticket:
        loop.call(loop.control.replaced)
        return given

    loop.master.reload, loop.master.ticket = reload, last  # type: ignore[method-assign]
    assert ask(loop.control.path, {"ask": "reload"}) == done()
    assert loop.master.asked == ["outcome"]


def test_what_a_replaced_master_has_not_answered_is_asked_again(socket_dir):
    with impostor(socket_dir / "control", b'{"replaced": true}\n', b'{"done": true, "failure": "", "status": 1}\n'):
        assert ask(str(socket_dir / "control"), {"ask": "status"})["status"] == 1


def test_a_master_that_ends_meanwhile(socket_dir):
    with impostor(socket_dir / "control", b'{"state": "stopping"}\n'), pytest.raises(MasterGoneError) as caught:
        ask(str(socket_dir / "control"), {"ask": "stop"})
    assert str(caught.value) == f"the master at {socket_dir}/control ended before it answered"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n", b"[]\n", b"[" * 5000 + b"\n", b"\n"])
def test_what_is_no_master(socket_dir, answer):
    with impostor(socket_dir / "control", answer), pytest.raises(ConnectError) as caught:
        ask(str(socket_dir / "control"), {"ask": "ping"})
    assert str(caught.value).startswith(f"what listens at {socket_dir}/control is no master: it answers b'")


def test_a_line_without_end(socket_dir):
    with impostor(socket_dir / "control", b"x" * (9 << 20)), pytest.raises(ConnectError, match="a line without end"):
        ask(str(socket_dir / "control"), {"ask": "ping"})


def test_a_master_that_hangs(socket_dir):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(socket_dir / "control"))
        listener.listen(0)
        # The first finds room in the backlog and no answer, one of the next no room.
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                with pytest.raises(ConnectError, match=r"did not answer for 0.05 s: it hangs, or is stopped"):
                    ask(str(socket_dir / "control"), {"ask": "ping"}, patience=0.05)
                sock = stack.enter_context(socket.socket(socket.AF_UNIX))
                sock.setblocking(False)
                sock.connect_ex(str(socket_dir / "control"))


def reason(path: object) -> str:
    with pytest.raises(ConnectError) as caught:
        ask(str(path), {"ask": "ping"})
    assert caught.value.exit_code == 5
    start = f"no master can be reached at {path}: "
    assert str(caught.value).startswith(start)
    return str(caught.value)[len(start) :]


def test_nothing_there(socket_dir):
    assert reason(socket_dir / "control") == "there is no such socket; is it running, and with this setting control?"


def test_one_that_has_ended(socket_dir):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(socket_dir / "control"))
    assert reason(socket_dir / "control") == "nobody listens there, the master has ended"


def test_a_file(socket_dir):
    (socket_dir / "control").write_text("")
    assert reason(socket_dir / "control") == "it is not a socket; give the path of the setting control"


def test_a_path_that_is_too_long(socket_dir):
    assert "too long" in reason(socket_dir / ("x" * 200))


def test_no_permission(loop):
    if os.geteuid() != 0:
        os.chmod(loop.control.path, 0)
    message = as_nobody(lambda: _refusal(loop.control.path))
    assert "has no permission; be the user that the master runs as, or root" in message


def _refusal(path: str) -> str:
    try:
        ask(path, {"ask": "ping"})
    except ConnectError as error:
        return str(error)
    return ""
