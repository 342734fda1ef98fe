"""gateways status."""

from __future__ import annotations

import json

from gateways.cli import main
from tests.manager.answering import Loop


def test_figures_as_json(socket_dir, capsys):
    with Loop(socket_dir / "control") as loop, loop.running():
        loop.master.figures = {"pools": [{"pool": "shop", "idle processes": 3}]}
        assert main(["status", "--json", "--control", loop.control.path]) == 0
    assert json.loads(capsys.readouterr().out) == loop.master.figures


def test_no_master(capsys, socket_dir):
    assert main(["status", "--control", str(socket_dir / "control")]) == 5
    assert "no master can be reached" in capsys.readouterr().err
