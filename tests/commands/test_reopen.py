"""gateways reopen."""

from __future__ import annotations

from gateways.cli import main
from tests.manager.answering import Loop


def test_the_logs_are_opened_anew(socket_dir, capsys):
    with Loop(socket_dir / "control") as loop, loop.running():
        assert main(["reopen", "--control", loop.control.path]) == 0
        assert loop.master.asked == ["reopen"]
    assert capsys.readouterr() == ("log files opened anew\n", "")


def test_no_master(capsys, socket_dir):
    assert main(["reopen", "--pid-file", str(socket_dir / "pid")]) == 5
    assert "is it running?" in capsys.readouterr().err
