"""Start a program of the table, and ask it."""

from __future__ import annotations

import contextlib
import os
import signal
import site
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from gateways.client import request
from gateways.errors import GatewayError
from tests.compat.programs.table import PTH, Program
from tests.live.sandbox import free_port
from tests.support.serving import PATIENCE, until

ROOT = Path(__file__).parents[3]


class Started:
    """A program that runs."""

    def __init__(self, program: Program, process: subprocess.Popen[bytes], address: str, log: Path) -> None:
        self.program = program
        self.process = process
        self.address = address
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def ask(self, target: str, method: str = "GET", body: bytes = b"") -> bytes:
        """Return the body of an answer, which has to be a good one."""
        path = target.partition("?")[0]
        mount = "/roundup" if path.startswith("/roundup/") else ""
        with request(
            self.program.protocol, self.address, method, target, body=body, script_name=mount, timeout=PATIENCE
        ) as response:
            content = response.read()
            assert response.status == 200, f"{target}: {response.status}\n{content[-2000:]!r}\n{self.log}"
            return content

    def answers(self) -> bool:
        """Say whether it serves."""
        assert self.process.poll() is None, self.log
        try:
            self.ask(self.program.asks[0][0])
        except (GatewayError, OSError):
            return False
        return True

    def end(self, number: str) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(getattr(signal, number))
        return self.process.wait(PATIENCE)


def environment(directory: Path) -> dict[str, str]:
    """Return the variables for a program."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "HGRCPATH": ""}
    environ["PYTHONWARNINGS"] = "ignore"  # of pkg_resources, which Trac imports
    return environ


def interpreter(directory: Path) -> str:
    """Return a Python that has what this one has, and in which ``flup`` is ours: a virtual environment."""
    venv = directory / "venv"
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(venv)}))
        lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
        (packages / "first.pth").write_text("".join(lines), encoding="utf-8")
        (packages / "gateways-flup.pth").write_text(PTH, encoding="utf-8")
    return str(python)


@contextlib.contextmanager
def started(program: Program, directory: Path) -> Iterator[Started]:
    """Run a program that has been set up in ``directory``."""
    log = directory / "program.log"
    path = directory / "socket"
    path.unlink(missing_ok=True)
    if program.ready is not None:
        (directory / program.ready[0]).write_text("", encoding="utf-8")
    address = f"unix:{path}"
    with contextlib.ExitStack() as stack:
        stdin: object = subprocess.DEVNULL
        port = ""
        if program.spawned:
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(str(path))
            listening.listen(64)
            stdin = listening
        if program.tcp:
            port = str(free_port())
            address = f"127.0.0.1:{port}"
        output = stack.enter_context(open(log, "wb"))
        arguments = [text.format(socket=path, port=port) for text in program.start]
        process = stack.enter_context(
            subprocess.Popen(
                [interpreter(directory), *arguments],
                cwd=directory,
                env=environment(directory),
                stdin=stdin,  # type: ignore[arg-type]
                stdout=output,
                stderr=output,
            )
        )
        try:
            begun = Started(program, process, address, log)
            until(begun.answers, program.label)
            if program.ready is not None:
                file, text = program.ready
                until(lambda: text in (directory / file).read_text(encoding="utf-8"), f"for {text} in {file}")
            yield begun
        finally:
            process.kill()


def ask_script(program: Program, directory: Path, target: str) -> bytes:
    """Run a CGI script for one request; return the body of the answer."""
    path, _, query = target.partition("?")
    environ = environment(directory)
    environ.update(GATEWAY_INTERFACE="CGI/1.1", REQUEST_METHOD="GET", SERVER_SOFTWARE="test", SCRIPT_NAME="")
    environ.update(PATH_INFO=unquote(path), QUERY_STRING=query, SERVER_NAME="localhost", SERVER_PORT="80")
    environ.update(SERVER_PROTOCOL="HTTP/1.1", HTTP_HOST="localhost", REQUEST_URI=target)
    done = subprocess.run(
        [interpreter(directory), *program.start],
        cwd=directory,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert done.returncode == 0, done.stderr.decode()
    assert b"Status: 200" in head, head + done.stderr
    return body
