"""gateways upgrade: it follows a master through its replacement."""

from __future__ import annotations

import pytest

from gateways.cli import main
from gateways.manager.tickets import Ticket
from tests.manager.answering import Loop


@pytest.fixture
def loop(socket_dir):
    with Loop(socket_dir / "control") as loop, loop.running():
        yield loop


@pytest.mark.parametrize("failure", ["", "no module named app"])
def test_the_new_program_tells_how_it_ended(loop, capsys, failure):
    second = Ticket()
    second.end(failure)
    loop.master.upgrade = lambda: loop.call(loop.control.replaced) or Ticket()
    loop.master.outcome = lambda: second
    assert main(["upgrade", "--control", loop.control.path]) == (1 if failure else 0)
    out, err = capsys.readouterr()
    assert out == ("" if failure else "upgraded: the new program and its workers serve\n")
    assert err == (f"gateways: error: not upgraded, the old workers serve on: {failure}\n" if failure else "")


def test_a_program_that_does_not_start(loop, capsys):
    loop.call(lambda: loop.master.ticket.end("the new program cannot be used: no module named gateways"))
    assert main(["upgrade", "--control", loop.control.path]) == 1
    assert "serve on: the new program cannot be used" in capsys.readouterr().err
