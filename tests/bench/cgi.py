"""Plain CGI: a process for each request, so what counts is what the gateway adds to a bare interpreter.

And resident CGI, where that process is a small one, and another stays.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.backends import APPS, ROOT, Backend, BenchError
from tests.bench.import_time import OURS, THEIRS, import_time, process_time
from tests.bench.model import Measure, Row, Sample
from tests.live.sandbox import Sandbox
from tests.live.servers import APACHE_MODULES, Apache
from tests.support import requirements
from tests.support.resident import install_programs

_RUNS = 5
"""Processes in each round of a row: a median of few, since a round has many rows."""

_TIMEOUT = 30.0
"""Seconds for a script to answer."""

_MOD_FCGID = APACHE_MODULES / "mod_fcgid.so"
_SCRIPTS = {"run_with_cgi": "cgi_gateways", "wsgiref": "cgi_wsgiref"}
_RESIDENT = {"resident": "c", "resident-python": "python"}
"""Rows with gateways-cgi as the interpreter of the script: which of the two programs."""

_MANY = 50
"""Requests to a process that stays, for its processor time."""
_STATEMENTS = {"run_with_cgi": OURS, "wsgiref": THEIRS}


@dataclass(frozen=True)
class Host:
    """An Apache with the scripts installed."""

    sandbox: Sandbox
    port: int


@contextlib.contextmanager
def alone(rows: Sequence[Row]) -> Iterator[Mapping[str, Measure]]:
    """Nothing has to be started: give for each row's key the function that measures it."""
    for statement in _STATEMENTS.values():
        process_time(statement)  # compiles what has no .pyc yet
    yield {row.key: functools.partial(row.load, row.backend) for row in rows}


@contextlib.contextmanager
def on_apache(rows: Sequence[Row]) -> Iterator[Mapping[str, Measure]]:
    """Install the scripts under an Apache of its own; give for each row's key the function that measures it."""
    with contextlib.ExitStack() as stack:
        sandbox = Sandbox()
        stack.callback(sandbox.close)
        for name in _SCRIPTS.values():
            script = sandbox.scripts / f"{name}.cgi"
            script.write_text(f"#!{sandbox.python}\n" + (APPS / f"{name}.py").read_text())
            script.chmod(0o755)
        for row, kind in _RESIDENT.items():
            program = install_programs(sandbox.root / kind, kind, str(sandbox.python))
            script = sandbox.scripts / f"{row}.cgi"
            script.write_text(f"#!{program}\n" + (APPS / "cgi_gateways.py").read_text())
            script.chmod(0o755)
        stack.callback(sandbox.stop_resident)
        (sandbox.scripts / "flask_hello.py").write_text((APPS / "flask_hello.py").read_text())
        apache = Apache(sandbox, "bench")
        stack.callback(apache.stop)
        try:
            passed = "        CGIPassAuth On\n"
            place = f"{passed}        SetEnv GATEWAYS_RESIDENT_DIR {sandbox.resident}\n"
            replace = {"/srv/example": str(sandbox.srv), passed: place, **apache.replacements()}
            apache.start(sandbox.configure("apache/cgi.conf", replace))
        except RuntimeError as error:
            raise BenchError(str(error)) from None
        host = Host(sandbox, apache.port)
        yield {row.key: functools.partial(row.load, row.backend, host) for row in rows}


def imports(backend: Backend, seconds: int) -> Sample:
    """What the import takes by ``-X importtime``, and what the whole process takes above one that imports nothing."""
    statement = _STATEMENTS[backend.id]
    times = statistics.median(import_time(statement) for _ in range(_RUNS))
    whole = statistics.median(process_time(statement) - process_time("pass") for _ in range(_RUNS))
    return {"import": times, "whole": whole}


def flask_hello(backend: Backend, host: Host, seconds: int) -> Sample:
    """Requests one after another through mod_cgid; the processor time is that of the same script, run without Apache.

    mod_cgid does not wait for its scripts, so the system adds their processor time to nobody's.
    """
    name = _SCRIPTS.get(backend.id, backend.id)
    latencies = [_ask(backend, host, name)]  # compiles what has no .pyc yet
    begun = time.perf_counter()
    while len(latencies) <= _RUNS or time.perf_counter() - begun < seconds:
        latencies.append(_ask(backend, host, name))
    if backend.id in _RESIDENT:
        cost = _resident_time(backend, host, name)
    else:
        cost = statistics.median(_processor_time(backend, host, name) for _ in range(_RUNS))
    return {
        "cost": cost * 1e6,
        "rate": (len(latencies) - 1) / (time.perf_counter() - begun),
        "p50": statistics.median(latencies[1:]) * 1e3,
    }


def _ask(backend: Backend, host: Host, name: str) -> float:
    """Return how long one request takes, in seconds."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", f"/cgi-bin/{name}.cgi/hello")
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{backend.label} does not answer ({error!r})") from None
    finally:
        connection.close()
    if (response.status, body) != (200, b"Hello, world\n"):
        raise BenchError(f"{backend.label} answers {response.status} {body[:200]!r}")
    return time.perf_counter() - begun


def _resident_time(backend: Backend, host: Host, name: str) -> float:
    """Return the seconds of processor for one request: those of the small process, and those of the one that stays."""
    _processor_time(backend, host, name)  # this one is of another user than Apache's, and has a process of its own
    command = [sys.executable, "-m", "gateways", "resident", "--json"]
    environ = {**os.environ, "GATEWAYS_RESIDENT_DIR": str(host.sandbox.root / "place"), "PYTHONPATH": str(ROOT)}
    shown = subprocess.run(command, env=environ, capture_output=True, check=True)
    [pid] = [found["pid"] for found in json.loads(shown.stdout) if found["script"].endswith(f"/{name}.cgi")]
    before = _used(pid)
    small = sum(_processor_time(backend, host, name) for _ in range(_MANY))
    return (small + _used(pid) - before) / _MANY


def _used(pid: int) -> float:
    """Return the seconds of processor that a process has used, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def _processor_time(backend: Backend, host: Host, name: str) -> float:
    """Return the seconds of processor that one run of a script takes."""
    environ = {
        "GATEWAYS_RESIDENT_DIR": str(host.sandbox.root / "place"),
        "PATH": "/usr/bin:/bin",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": f"/cgi-bin/{name}.cgi",
        "PATH_INFO": "/hello",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(host.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    script = host.sandbox.scripts / f"{name}.cgi"
    process = subprocess.Popen(
        [script], env=environ, cwd=script.parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout
    watchdog = threading.Timer(_TIMEOUT, process.kill)  # wait4 has no timeout, and Popen no account
    watchdog.start()
    try:
        with process.stdout:
            output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        watchdog.cancel()
    process.returncode = status  # waited for, so that Popen does not
    if status or not output.endswith(b"Hello, world\n"):
        raise BenchError(f"{backend.label}, run without Apache, says {output[-200:]!r}")
    return usage.ru_utime + usage.ru_stime


def resident() -> list[Backend]:
    """The same script, whose process stays, by both programs."""
    [ours, _] = gateways()
    missing = ours.missing or ("" if requirements.find_program("cc") else "apt-get install gcc libc6-dev")
    return [
        Backend(row, f"gateways-cgi in {'C' if kind == 'c' else 'Python'}, a process that stays", "CGI", (),
                missing=missing, source=ROOT)
        for row, kind in _RESIDENT.items()
    ]  # fmt: skip


def gateways() -> list[Backend]:
    """Both gateways for scripts: there is no server to start."""
    # The tests' configuration of Apache loads mod_fcgid too.
    needed = {"apache2": requirements.find_program("apache2"), "libapache2-mod-fcgid": _MOD_FCGID.exists()}
    missing = next((f"apt-get install {package}" for package, found in needed.items() if not found), "")
    return [
        Backend("run_with_cgi", "gateways, run_with_cgi", "CGI", (), missing=missing, source=ROOT),
        Backend("wsgiref", "wsgiref, CGIHandler", "CGI", (), missing=missing),
    ]
