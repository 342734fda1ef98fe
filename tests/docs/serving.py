"""``gateways`` for the commands of a page: ``serve``, ``front``, ``trace`` go on in the background, and have to answer.

As for somebody who presses Ctrl-C before he tries the next: only one of each runs at a time.
"""

from __future__ import annotations

import argparse
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from gateways import cli
from gateways.addresses import connect, parse_address
from gateways.client import request
from gateways.client.transports import TRANSPORTS as CLIENT_TRANSPORTS
from gateways.commands import front as front_command
from gateways.commands import serve as serve_command
from gateways.commands import trace as trace_command
from gateways.config import Plan, load_plan
from gateways.errors import ConnectError, GatewayError
from gateways.server.transports import TRANSPORTS
from gateways.settings import Settings
from tests.support.processes import is_running
from tests.support.serving import PATIENCE, until

ROOT = Path(os.environ.get("DOCS_ROOT", "/nonexistent"))
LAST_WORDS = 10.0
"""Seconds for a process that has not answered to end, and to say why by its status."""


def main(words: list[str]) -> int:
    """Run one command."""
    command = [sys.executable, "-m", "gateways", *words]
    if words[:1] in (["doctor"], ["init"]):
        return alone(words)
    if words[:1] not in (["serve"], ["front"], ["trace"]) or "--read" in words:
        os.execv(sys.executable, command)
    kind = words[0]
    if kind == "front" and "--http" not in words:
        command += ["--http", f"127.0.0.1:{os.environ['DOCS_PORT_8000']}"]
    stop(ROOT, kind)
    log = ROOT / f"var/log/{kind}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    (ROOT / f"run/{kind}.pid").write_text(str(process.pid))
    try:
        for transport, address, settings in listening(kind, command[4:]):
            if "--take-over" in words:
                behind = Path(f"{address.partition(':')[2]}.behind-trace")
                until(functools.partial(is_there, process, behind), f"for {behind}")
            until(functools.partial(listens, process, address), f"for somebody at {address}")
            ask(transport, address, settings)
    except (GatewayError, AssertionError, OSError) as error:
        print(f"{error}\n{log.read_text(errors='replace')}", file=sys.stderr)
        try:
            return process.wait(LAST_WORDS) or 1
        except subprocess.TimeoutExpired:
            return 1
    return 0


def alone(words: list[str]) -> int:
    """Run a command that looks at the web servers of the machine: there is one Apache, and not those of other tests."""
    from gateways.doctor import accounts
    from gateways.doctor.apache import facts

    facts.running_configurations = lambda proc="/proc": ()
    facts.CONFIGURATIONS = (f"{ROOT}/etc/apache2/apache2.conf",)
    accounts._running = list  # type: ignore[assignment]
    return cli.main(words)


def stop(root: Path, kind: str) -> None:
    """End the one that was started before, and wait for it."""
    path = root / f"run/{kind}.pid"
    if not path.exists() or not path.read_text():  # nginx -t makes an empty one
        return
    pid = int(path.read_text())
    for number in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + PATIENCE
        while is_running(pid) and time.monotonic() < end:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                break
            time.sleep(0.02)
    path.unlink(missing_ok=True)


def listening(kind: str, words: list[str]) -> list[tuple[str, str, Settings | None]]:
    """Return what it listens on, by its own parser."""
    parser = argparse.ArgumentParser()
    module = {"serve": serve_command, "front": front_command, "trace": trace_command}[kind]
    module.add_arguments(parser)
    given = vars(parser.parse_args(words))
    if kind == "front":
        return [("http", str(given["listen"]), None)]
    if kind == "trace":
        [(protocol, address)] = [(name, given[name]) for name in CLIENT_TRANSPORTS if given[name]]
        return [(protocol, str(given["listen"] or address), None)]
    flags = {name: value for name, value in given.items() if name in Settings.settings and value is not None}
    plan: Plan = load_plan(given["config"], given["application"], flags)
    return [
        (name, str(address), pool.settings)
        for pool in plan.pools
        for name in TRANSPORTS
        for address in getattr(pool.settings, name)
    ]


def is_there(process: subprocess.Popen[bytes], path: Path) -> bool:
    """Say whether a file is there. The process has to run."""
    assert process.poll() is None, f"ended with {process.returncode}"
    return path.exists()


def listens(process: subprocess.Popen[bytes], address: str) -> bool:
    """Say whether somebody listens. The process has to run."""
    assert process.poll() is None, f"ended with {process.returncode}"
    try:
        connect(parse_address(address), 1.0).close()
    except ConnectError:
        return False
    return True


def ask(transport: str, address: str, settings: Settings | None) -> None:
    """Ask for a page, where this machine may: anything but an error is right."""
    if settings and (settings.allowed_clients or settings.certfile or settings.proxy_protocol):
        return
    protocol = "fastcgi" if transport == "listen" else transport
    secret = settings.ajp_secret if settings and transport == "ajp" else None
    with request(protocol, address, target="/", timeout=PATIENCE, secret=secret) as response:
        assert response.status < 500, f"{address}: {response.status} {response.read()!r}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
