"""Upgrades of masters that were started in other ways than most (L32)."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from gateways.cli import main
from gateways.manager.controlclient import ask
from tests.manager.test_hardships import ACTIVATE, ACTIVATED
from tests.support.managing import ROOT, Managed, managing
from tests.support.serving import until

CONTROL = 'control = "{dir}/control"\n'


def upgrade(managed: Managed, times: int = 2) -> None:
    """Upgrade more than once: what was passed on has to be passed on again."""
    for number in range(1, times + 1):
        assert main(["upgrade", "--quiet", "--control", str(managed.control)]) == 0
        assert ask(str(managed.control), {"ask": "status"})["status"]["upgrades"] == number
        assert managed.ask("/pid").status == "200 OK"


@pytest.mark.parametrize(("address", "number"), [("systemd:web", "3"), ("fd:0", "0")])
def test_sockets_of_whoever_started_it(address: str, number: str) -> None:
    code = ACTIVATE.replace("3", number)
    if number == "0":
        code = code.replace("os.environ.update", "dict")
    config = ACTIVATED.replace("systemd:web", address) + CONTROL
    with managing(config=config, prefix=[sys.executable, "-c", code]) as managed:
        upgrade(managed)
        assert managed.ask("/environ/LISTEN_FDS").body == b""
        assert managed.stop() == 0
        assert (managed.directory / "socket").exists()


def test_a_script_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "site.py"
    script.write_text(
        "import os, sys\n"
        "from gateways import serve\n"
        "directory = sys.argv[1]\n"
        f"serve({str(ROOT / 'tests/support/managed_app.py')!r}, workers=1, access_log='off',\n"
        "    fastcgi=[f'unix:{directory}/socket'], control=f'{directory}/control', error_log=f'{directory}/log',\n"
        "    user='root' if os.geteuid() == 0 else None)\n"
    )
    # The command of ``managing`` is replaced by that of the script.
    code = "import os, sys; os.execv(sys.executable, [sys.executable, sys.argv[1], os.getcwd()])"
    with managing("--workers", "1", prefix=[sys.executable, "-c", code, str(script)]) as managed:
        upgrade(managed)


def test_a_program_in_the_background() -> None:
    flags = ("--workers", "1", "--daemonize", "--pid-file", "{dir}/pid", "--control", "{dir}/control")
    with managing(*flags, ready=False) as managed:
        assert managed.wait() == 0
        master = int((managed.directory / "pid").read_text())
        upgrade(managed)
        assert int((managed.directory / "pid").read_text()) == master
        os.kill(master, signal.SIGTERM)
        until(lambda: not (managed.directory / "pid").exists())


def test_the_stacks_of_an_old_worker_are_found() -> None:
    """The file that ``faulthandler`` writes to is passed on: C code holds the old worker's interpreter."""
    flags = ("--workers", "1", "--request-slowlog-timeout", "3", "--control", "{dir}/control")
    with managing(*flags) as managed, managed.hold("old", "clutch")[0]:
        upgrade(managed, times=1)
        managed.until("The interpreter does not answer: C code holds it.")
        managed.release("old")
