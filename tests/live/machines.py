"""Machines for a test: network namespaces on a switch, with a web server in one and backends in the others.

The namespaces have no names. A process holds each, and it ends with the tests: so do the namespace, its interfaces and
its addresses, which nobody outside sees. They can be those that the files of conf/ have.
"""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.sandbox import PROJECT, Sandbox
from tests.live.servers import LEASH, SERVICE_ENVIRONMENT, Nginx, Process
from tests.support import requirements
from tests.support.load import Target
from tests.support.managing import Managed, managing
from tests.support.serving import PATIENCE, until

FRONT = "10.0.0.10"
BACKENDS = ("10.0.0.11:9000", "10.0.0.12:9000")


class Machine:
    """A network namespace; a command that begins with ``prefix`` runs in it."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(
            [*LEASH, "unshare", "--net", "cat"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.namespace = f"/proc/{self._holder.pid}/ns/net"
        self.prefix = ("nsenter", f"--net={self.namespace}")
        try:
            until(self._is_apart, "for a network namespace")
        except BaseException:
            self.close()
            raise

    def _is_apart(self) -> bool:
        if self._holder.poll() is not None:
            assert self._holder.stderr is not None
            requirements.missing(f"no network namespaces here: {self._holder.stderr.read().decode().strip()}")
        # Before the command has begun, the holder is still in the namespace of the tests.
        return (
            os.readlink(self.namespace) != os.readlink("/proc/self/ns/net")
            and Path(f"/proc/{self._holder.pid}/comm").read_text() == "cat\n"
        )

    @property
    def pid(self) -> int:
        """A process in the namespace."""
        return self._holder.pid

    def ip(self, *words: object) -> None:
        """Run ip(8) in the namespace."""
        command = [*self.prefix, requirements.require_program("ip"), *map(str, words)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            requirements.missing(f"no virtual network here: {' '.join(command)}: {result.stderr.strip()}")

    def close(self) -> None:
        """Give the namespace up: what is in it goes with its last process."""
        self._holder.kill()
        self._holder.communicate()


class Backend:
    """A machine that serves ``managed_app`` by FastCGI, with two workers; ``managed`` is its running master."""

    def __init__(self, machine: Machine, address: str, directory: Path) -> None:
        self.machine = machine
        self.address = address
        self.directory = directory
        self.managed: Managed
        self.serves = False
        self._running = contextlib.ExitStack()

    def start(self) -> None:
        """Serve; return when a request was answered and all workers are ready."""
        self.managed = self._running.enter_context(
            managing(
                *("--workers", "2", "--fastcgi", self.address, "--allowed-clients", FRONT),
                *("--ping", "/ping", "--control", "{dir}/control"),
                prefix=self.machine.prefix, directory=self.directory,
            )
        )  # fmt: skip
        self.serves = True

    def control(self, command: str) -> None:
        """Run ``gateways reload`` or ``gateways stop``: it returns when that is done."""
        words = [sys.executable, "-m", "gateways", command, "--control", str(self.managed.control)]
        result = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    def reload(self) -> None:
        """Reload as an operator does; return when the old workers have ended."""
        old = set(self.managed.workers())
        self.control("reload")
        until(lambda: not old & set(self.managed.workers()), "for the end of the old workers")

    def stop(self) -> None:
        """Stop as an operator does; requests in hand are finished."""
        self.serves = False
        self.control("stop")
        assert self.managed.wait() == 0
        self._running.close()

    def kill(self) -> None:
        """End all processes at once, as the end of the machine would."""
        self.serves = False
        for pid in self.managed.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.managed.wait()
        self._running.close()

    def close(self) -> None:
        """Stop, if it serves."""
        self._running.close()


class Front:
    """A machine with a web server that has a file of conf/; its Unix socket can be reached from any namespace."""

    conf = ""

    def __init__(self, machine: Machine, sandbox: Sandbox) -> None:
        self.machine = machine
        self.sandbox = sandbox
        self.socket = str(sandbox.run / f"{type(self).__name__}.sock")
        self.target = Target("http", self.socket)
        self.log = sandbox.logs / f"{type(self).__name__}.log"
        self.log.touch()
        sandbox.own(self.log)
        self.process: Process

    def start(self) -> None:
        """Run it in the foreground, and wait until it listens."""
        raise NotImplementedError

    def drain(self, number: int) -> None:
        """Take a backend out: return when it has no request in hand, and will get no more."""
        raise NotImplementedError

    def restore(self, number: int) -> None:
        """Take it in again. It may take some seconds until it gets requests."""
        raise NotImplementedError

    def stop(self) -> None:
        """End."""
        self.process.stop()


class NginxFront(Front):
    """nginx: a backend is taken out in its file, and nginx reloaded."""

    conf = "nginx/several-machines.conf"

    def start(self) -> None:
        nginx = Nginx(self.sandbox, "NginxFront")
        self.process = Process(
            nginx.command(self._configure()),
            log=self.log, env=SERVICE_ENVIRONMENT, cwd=self.sandbox.root,
            account=(*self.machine.prefix, *self.sandbox.account),
        )  # fmt: skip
        self.process.wait_for(self.socket)

    def _configure(self, drained: str = "") -> Path:
        replace = {"listen 80;": f"listen unix:{self.socket};", "/srv/example": str(self.sandbox.srv)}
        if drained:
            replace[f"server {drained}"] = f"server {drained} down"
        return self.sandbox.configure(self.conf, replace)

    def _reload(self) -> None:
        """An old process of nginx ends when it has nothing in hand."""
        old = set(self.process.children())
        self.process.popen.send_signal(signal.SIGHUP)
        until(lambda: (now := self.process.children()) and not old & set(now), "for new processes of nginx")

    def drain(self, number: int) -> None:
        self._configure(BACKENDS[number])
        self._reload()

    def restore(self, number: int) -> None:
        self._configure()
        self._reload()


class HaproxyFront(Front):
    """HAProxy: a backend is taken out by its runtime API."""

    conf = "haproxy/haproxy.cfg"
    names = ("one", "two")

    def start(self) -> None:
        program = requirements.require_program("haproxy")
        self.admin = str(self.sandbox.run / "admin.sock")
        replace = {
            "bind :80": f"bind unix@{self.socket}",
            "/run/haproxy/admin.sock": self.admin,
            "log /dev/log local0": "log stdout format raw local0",
        }
        conf = self.sandbox.configure(self.conf, replace)
        # As root: it changes to its own user.
        self.process = Process([program, "-db", "-f", conf], log=self.log, account=self.machine.prefix)
        self.process.wait_for(self.socket)

    def ask(self, command: str) -> str:
        """Give a command to the runtime API."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(self.admin)
            sock.sendall(f"{command}\n".encode())
            with sock.makefile(encoding="ascii") as answer:
                return answer.read()

    def _state(self, number: int) -> dict[str, str]:
        head, *rows = csv.reader(self.ask("show stat").lstrip("# ").splitlines())
        (row,) = (row for row in rows if row[:2] == ["example_app", self.names[number]])
        return dict(zip(head, row))

    def drain(self, number: int) -> None:
        assert not self.ask(f"set server example_app/{self.names[number]} state drain").strip()
        until(lambda: self._state(number)["scur"] == "0", "for the end of its requests")

    def restore(self, number: int) -> None:
        assert not self.ask(f"set server example_app/{self.names[number]} state ready").strip()


FRONTS = (NginxFront, HaproxyFront)


@contextlib.contextmanager
def network() -> Iterator[list[Machine]]:
    """A machine with a switch, for the front, and one for each backend, which is connected to it."""
    if os.geteuid() != 0:
        pytest.skip("only root can make network namespaces")
    probe = subprocess.run(
        ["unshare", "--net", "ip", "link", "add", "probe", "type", "bridge"], capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip(f"no network namespaces, bridges or ip(8) here: {probe.stderr.decode().strip()}")
    with contextlib.ExitStack() as stack:
        machines = []
        for _ in (FRONT, *BACKENDS):
            machines.append(Machine())
            stack.callback(machines[-1].close)
            machines[-1].ip("link", "set", "lo", "up")
        front, *others = machines
        front.ip("link", "add", "switch", "type", "bridge")
        front.ip("address", "add", f"{FRONT}/24", "dev", "switch")
        front.ip("link", "set", "switch", "up")
        for number, (machine, address) in enumerate(zip(others, BACKENDS)):
            front.ip("link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", machine.pid)
            front.ip("link", "set", f"port{number}", "master", "switch", "up")
            machine.ip("address", "add", f"{address.partition(':')[0]}/24", "dev", "eth0")
            machine.ip("link", "set", "eth0", "up")
        yield machines


@contextlib.contextmanager
def several_machines(kind: type[Front], sandbox: Sandbox) -> Iterator[tuple[Front, list[Backend]]]:
    """Boot a web server and two backends, all running."""
    with contextlib.ExitStack() as stack:
        first, *others = stack.enter_context(network())
        backends = []
        for machine, address in zip(others, BACKENDS):
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gw-")))
            directory.chmod(0o755)
            backends.append(Backend(machine, address, directory))
            stack.callback(backends[-1].close)
            backends[-1].start()
        front = kind(first, sandbox)
        front.start()
        stack.callback(front.stop)
        try:
            yield front, backends
        except BaseException:
            print(f"--- {front.conf}\n{front.log.read_text()}")
            for backend in backends:
                print(f"--- {backend.address}\n{backend.managed.log}")
            raise
