"""``gateways`` for the commands of a page: ``serve``, ``front``, ``trace`` go on in the background, and have to answer.

As for somebody who presses Ctrl-C before he tries the next: only one of each runs at a time.
"""

from __future__ import annotations

import argparse
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

ROOT = Path(os.environ.get("DOCS_ROOT", "/nonexistent"))
PATIENCE = 45.0
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
                until_there(process, Path(f"{address.partition(':')[2]}.behind-trace"))
            wait(process, address)
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
        while alive(pid) and time.monotonic() < end:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                break
            time.sleep(0.02)
    path.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Say whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


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


def wait(process: subprocess.Popen[bytes], address: str) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, f"ended with {process.returncode}"
        try:
            connect(parse_address(address), 1.0).close()
        except ConnectError:
            assert time.monotonic() < end, f"nobody listens at {address}"
            time.sleep(0.02)
        else:
            return


def until_there(process: subprocess.Popen[bytes], path: Path) -> None:
    """Wait for a file."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None, f"ended with {process.returncode}"
        assert time.monotonic() < end, f"there is no {path}"
        time.sleep(0.02)


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
