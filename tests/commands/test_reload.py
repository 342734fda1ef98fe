"""gateways reload: it waits, says how it goes, and its status tells how it ended."""

from __future__ import annotations

import pytest

from gateways.cli import main
from tests.manager.answering import Loop


@pytest.fixture
def loop(socket_dir):
    with Loop(socket_dir / "control") as loop, loop.running():
        yield loop


def test_a_reload_that_is_done(loop, capsys):
    ticket = loop.master.ticket
    loop.call(lambda: ticket.tell("booting", "2 workers load the application"))
    loop.master.reload = lambda pool: loop.call(ticket.end) or ticket
    assert main(["reload", "--control", loop.control.path]) == 0
    assert capsys.readouterr() == ("2 workers load the application\nreloaded: the new workers serve\n", "")


def test_a_reload_that_failed(loop, capsys):
    loop.call(lambda: loop.master.ticket.end("application 'app': no module named app"))
    assert main(["reload", "--control", loop.control.path]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == ("gateways: error: not reloaded, the old workers serve on: application 'app': no module named app\n")


def test_one_pool(loop, capsys, monkeypatch):
    monkeypatch.setenv("GATEWAYS_CONTROL", loop.control.path)
    loop.call(loop.master.ticket.end)
    assert main(["reload", "--pool", "shop", "--quiet"]) == 0
    assert loop.master.asked == [("reload", "shop")]
    assert capsys.readouterr().out == ""


def test_a_pool_that_is_not_there(loop, capsys):
    assert main(["reload", "--pool", "shpo", "--control", loop.control.path]) == 2
    assert capsys.readouterr().err == "gateways: error: there is no pool 'shpo'; there is shop\n"


def test_a_signal_names_no_pool(capsys, tmp_path):
    assert main(["reload", "--pool", "shop", "--pid-file", str(tmp_path / "pid")]) == 2
    assert "needs the control socket" in capsys.readouterr().err


def test_no_master(capsys, socket_dir):
    assert main(["reload", "--control", str(socket_dir / "control")]) == 5
    assert "no master can be reached" in capsys.readouterr().err
