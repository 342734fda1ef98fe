"""A worker in its own process, with this test in the place of the master."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateways.manager.channel import Channel, pair
from gateways.manager.entries import SlowLog
from gateways.manager.equipment import Equipment
from gateways.manager.process import Process, fork
from gateways.manager.scoreboard import Scoreboard
from gateways.manager.slowlog import Dumps
from gateways.manager.worker import work
from gateways.server.errorlog import ErrorLog
from gateways.server.opening import listen
from gateways.server.privileges import Privileges
from gateways.settings import Settings
from tests.support import wire
from tests.support.managing import APPLICATION
from tests.support.serving import connect, until

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


class Hands:
    """The master's side of one worker."""

    def __init__(self, process: Process, address: str, log: Path) -> None:
        self.process = process
        self.address = address
        self.log = log
        self._said: list[dict[str, Any]] = []

    def wait_for(self, event: str) -> dict[str, Any]:
        """Return the next message of that kind."""

        def came() -> bool:
            self._said += self.process.channel.read()
            return any(message["event"] == event for message in self._said)

        until(came, f"for {event}")
        return next(message for message in self._said if message["event"] == event)

    def ask(self, path: str = "/pid") -> bytes:
        with self.send(path) as sock:
            return wire.answer(wire.parse_records(wire.receive_all(sock))).body

    def send(self, path: str) -> socket.socket:
        sock = connect(socket.AF_UNIX, self.address)
        given = {b"PATH_INFO": path.encode()}
        sock.sendall(wire.request([(name, given.get(name, value)) for name, value in wire.GET]))
        return sock

    def exit_code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.process.pid, 0)[1])


@contextmanager
def employed(directory: Path, application: str = f"{APPLICATION}:application", **settings: Any) -> Iterator[Hands]:
    settings = {"access_log": "off", "user": "root" if os.getuid() == 0 else None, **settings}
    chosen = Settings(**settings)
    with ExitStack() as stack:
        log = directory / "log"
        error_log = ErrorLog(str(log))
        stack.callback(error_log.close)
        slow_log = SlowLog("-", error_log)
        stack.callback(slow_log.close)
        dumps = Dumps()
        stack.callback(dumps.close)
        listeners = listen([("fastcgi", f"unix:{directory}/socket")], chosen, stack)
        board = Scoreboard.create(2, chosen.threads)
        equipment = Equipment(
            "app", application, chosen, listeners, error_log, None, Privileges.of(chosen), board, slow_log, dumps.file
        )
        slot = board.claim("app", 1, 1)
        ours, theirs = pair()
        process = Process(1, 1, Channel(ours), slot)
        stack.callback(process.channel.close)
        with theirs:
            process.pid = fork(lambda: work(equipment, 1, 1, theirs, slot))
        stack.callback(process.kill)
        yield Hands(process, f"{directory}/socket", log)


def test_it_reports_and_waits_for_the_word(socket_dir: Path) -> None:
    with employed(socket_dir) as hands:
        assert hands.wait_for("born")["pid"] == hands.process.pid
        hands.wait_for("ready")
        with hands.send("/pid") as early:
            hands.process.channel.tell("go")
            assert wire.answer(wire.parse_records(wire.receive_all(early))).body == b"%d" % hands.process.pid
        hands.process.channel.tell("stop enough")
        assert hands.exit_code() == 0


def test_what_is_in_hand_is_finished(socket_dir: Path) -> None:
    with employed(socket_dir) as hands:
        hands.wait_for("ready")
        hands.process.channel.tell("go")
        with hands.send("/stream/5") as sock:
            data = sock.recv(65536)
            hands.process.channel.tell("stop enough")
            assert b"4\n" in wire.answer(wire.parse_records(data + wire.receive_all(sock))).body
        assert hands.exit_code() == 0


@pytest.mark.parametrize("order", ["stop not needed", "last not needed"])
def test_one_that_never_got_the_word_ends_without_serving(socket_dir: Path, order: str) -> None:
    with employed(socket_dir) as hands:
        hands.wait_for("ready")
        hands.process.channel.tell(order)
        assert hands.exit_code() == 0


def test_it_says_its_process_id_before_it_obeys(socket_dir: Path) -> None:
    for _ in range(5):
        with employed(socket_dir, "no_such_module_at_all") as hands:  # the order is there when the process begins
            hands.process.channel.tell("stop not needed")
            assert hands.wait_for("born")["pid"] == hands.process.pid
            hands.exit_code()


def test_an_application_that_cannot_be_loaded_is_reported(socket_dir: Path) -> None:
    with employed(socket_dir, "no_such_module_at_all") as hands:
        assert "no_such_module_at_all" in hands.wait_for("failed")["reason"]
        assert hands.exit_code() == 3


def test_it_ends_with_its_master(socket_dir: Path) -> None:
    with employed(socket_dir) as hands:
        hands.wait_for("ready")
        hands.process.channel.tell("go")
        with hands.send("/sleep/60"):
            hands.process.channel.close()
            hands.exit_code()
        assert "the master is gone" in hands.log.read_text()
