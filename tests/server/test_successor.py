"""gateways.server.successor: what the program that takes a program's place finds, and what it does not."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support import source
from tests.support.managing import children
from tests.support.processes import fork
from tests.support.serving import PATIENCE, until
from tests.support.spawning import Spawned, spawning

#: What applications do to a process, each of which the next program would stumble over.
UNTIDY = """
import atexit, socket
import gateways.server.origin
os.environ.pop("GATEWAYS_SUCCEEDS", None)
os.environ["COLOUR"] = "red"
os.environ.setdefault("BEFORE", "changed")
os.chdir("/")
sys.argv[1:] = ["--changed"]
sys.path.insert(0, "/changed")
left = [os.dup(2), socket.socket()]
for item in left:
    os.set_inheritable(item if isinstance(item, int) else item.fileno(), True)
atexit.register(print, "exit handler", file=sys.stderr)
"""


def test_it_finds_what_the_first_one_found(socket_dir: Path) -> None:
    with spawning(socket_dir, "--flag", "", "a b", code=UNTIDY) as spawned:
        first = spawned.facts()
        for times in (2, 3):
            (socket_dir / "restart.txt").touch()
            spawned.until_serving(times)
            now = spawned.facts()
            del now["environ"]["GATEWAYS_SUCCEEDS"]
            assert now == first
        assert spawned.log.count("exit handler") == 2
        assert first["argv"] == [str(spawned.script), "--flag", "", "a b"]
        assert first["path"] == first["directory"] == str(socket_dir)
        assert first["name"] == "__main__"
        assert first["file"] == str(spawned.script)
        assert "COLOUR" not in first["environ"]
        assert spawned.end() == 0


def test_exit_handlers_that_fail_or_hang(socket_dir: Path) -> None:
    code = "import atexit, time, gateways.server.successor as successor\nsuccessor.EXIT_PATIENCE = 0.2\n"
    code += "atexit.register(time.sleep, 600)\natexit.register(lambda: 1 / 0)"
    with spawning(socket_dir, code=code) as spawned:
        (socket_dir / "restart.txt").touch()
        spawned.until_serving(2)
        assert "ZeroDivisionError" in spawned.log


def test_what_the_application_has_started_is_waited_for(socket_dir: Path) -> None:
    """A child that ends later would be a zombie for as long as the process lives."""
    code = "import subprocess\nif 'GATEWAYS_SUCCEEDS' not in os.environ: subprocess.Popen(['sleep', '60'])"
    with spawning(socket_dir, code=code) as spawned:
        (socket_dir / "restart.txt").touch()
        spawned.until_serving(2)
        (child,) = children(spawned.process.pid)
        os.kill(child, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{child}").exists())
        assert spawned.end() == 0


def test_an_interpreter_that_is_gone_ends_the_process(socket_dir: Path) -> None:
    code = "from gateways.server.origin import origin\norigin.command[0] = b'/no/such/python'"
    with spawning(socket_dir, code=code) as spawned:
        (socket_dir / "restart.txt").touch()
        assert spawned.process.wait(PATIENCE) == 0
        assert "cannot execute /no/such/python: No such file or directory" in spawned.log


def test_the_command_line(socket_dir: Path) -> None:
    """``gateways serve`` as the program that a web server starts, or supervisor."""
    with spawning(socket_dir) as spawned:
        assert spawned.end() == 0
        command = [sys.executable, "-m", "gateways", "serve", "app:application", "--max-requests", "2"]
        with open(socket_dir / "stderr", "wb") as err, subprocess.Popen(
            [*command, "--max-requests-jitter", "0"], stdin=spawned._sock, stdout=subprocess.DEVNULL, stderr=err,
            cwd=socket_dir, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(source.CHECKOUT)},
        ) as spawned.process:  # fmt: skip
            try:
                spawned.until_serving()
                for times in (2, 3):
                    assert {spawned.ask("/pid") for _ in range(2)} == {str(spawned.process.pid)}
                    spawned.until_serving(times)
                assert spawned.ends_well()
            finally:
                spawned.process.kill()


#: ``exec`` keeps the number of the process, which the variable names.
SUCCEED = """import os, sys
os.environ["GATEWAYS_SUCCEEDS"] = f"{os.getpid()} 1700000000.5 {sys.argv[1]}"
os.execv(sys.executable, [sys.executable, sys.argv[2]])"""


@contextlib.contextmanager
def succeeding(directory: Path, parent: int) -> Iterator[Spawned]:
    """Start the script as the successor of one that has watched ``parent``."""
    with spawning(directory) as spawned:
        assert spawned.end() == 0
        starter = directory / "starter.py"
        starter.write_text(SUCCEED)
        script, spawned.script = spawned.script, starter
        spawned.start(str(parent), str(script))
        spawned.script = script
        yield spawned


def test_a_web_server_that_ends_meanwhile_is_noticed(socket_dir: Path) -> None:
    """Its parent is then another, which has nothing to say of it."""
    gone = fork()
    if not gone:
        os._exit(0)
    os.waitpid(gone, 0)
    with succeeding(socket_dir, gone) as spawned:
        assert spawned.process.wait(PATIENCE) == 0
        assert "the web server that started this process is gone; stopping" in spawned.log


def test_one_that_was_not_watched_is_not_watched_now(socket_dir: Path) -> None:
    with succeeding(socket_dir, 0) as spawned:
        spawned.until_serving()
        (socket_dir / "restart.txt").touch()
        spawned.until_serving(2)
        assert spawned.end() == 0
