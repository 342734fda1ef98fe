"""gateways stop: it waits for the end, however the master comes to it."""

from __future__ import annotations

import pytest

from gateways.cli import main
from tests.manager.answering import Loop


@pytest.fixture
def loop(socket_dir):
    with Loop(socket_dir / "control") as loop, loop.running():
        yield loop


@pytest.mark.parametrize(("flags", "printed"), [((), "stopped\n"), (("-q",), "")])
def test_a_stop(loop, capsys, flags, printed):
    loop.call(loop.master.ticket.end)
    assert main(["stop", "--control", loop.control.path, *flags]) == 0
    assert loop.master.asked == ["stop"]
    assert capsys.readouterr() == (printed, "")


def test_a_stop_with_requests_in_hand(loop, capsys):
    loop.call(lambda: loop.master.ticket.end("3 requests were in hand after 30 s"))
    assert main(["stop", "--control", loop.control.path]) == 1
    assert capsys.readouterr().err == "gateways: error: stopped: 3 requests were in hand after 30 s\n"


def test_a_master_that_is_killed_has_ended_too(loop, capsys):
    def die() -> None:
        for conversation in loop.control._conversations.values():
            conversation.close()

    ticket = loop.master.ticket
    loop.master.stop = lambda: loop.call(die) or ticket
    assert main(["stop", "--control", loop.control.path]) == 0
    assert capsys.readouterr() == ("stopped\n", "")


def test_no_master(capsys, socket_dir):
    assert main(["stop", "--control", str(socket_dir / "control")]) == 5
    assert "no master can be reached" in capsys.readouterr().err
