"""Processor time per request of hello world behind nginx, ours beside the peers', in one run.

Each round measures every backend once, so that a drift of the machine hits all alike; the table shows medians. The
processor time is that of the backend's process and its children, the steadier figure: the throughput shares the
machine with nginx and the load generator.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.backends import FLASK, FLUP, HELLO, Backend, backends

ROOT = Path(__file__).resolve().parents[2]
_TICK = os.sysconf("SC_CLK_TCK")

NGINX = """
worker_processes 1; daemon off; pid {home}/nginx.pid; error_log {home}/error.log crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {home}/body; fastcgi_temp_path {home}/fastcgi; proxy_temp_path {home}/proxy;
    uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    {upstreams}
    server {{
        listen unix:{home}/http.sock;
        listen 127.0.0.1:{port};
        {locations}
    }}
}}
"""


class Process:
    """A backend under measurement."""

    def __init__(self, backend: Backend, number: int, home: Path) -> None:
        self.backend = backend
        self.path = f"/b{number}"
        self.socket = home / f"b{number}.sock"
        self.results: list[tuple[float, float, str]] = []  # µs of processor per request, requests/s, p99
        command = [part.replace("{socket}", str(self.socket)) for part in backend.command]
        environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{home}"}
        log = (home / f"b{number}.log").open("wb")
        self.process = subprocess.Popen(command, cwd=home, env=environ, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 10
        while not self.socket.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (home / f"b{number}.log").read_text(errors="replace")
                sys.exit(f"{backend.name} ({backend.transport}) does not start:\n{text[-2000:]}")
            time.sleep(0.05)

    def seconds(self) -> float:
        """Processor time of the process and its children so far."""
        pids = [self.process.pid]
        for pid in pids:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            pids += [int(child) for child in children.read_text().split()]
        ticks = 0
        for pid in pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICK

    def measure(self, port: int, connections: int, seconds: float) -> None:
        """Load it through nginx with wrk, and keep the figures."""
        before = self.seconds()
        url = f"http://127.0.0.1:{port}{self.path}"
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", url]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        spent = self.seconds() - before
        count = int(re.findall(r"(\d+) requests in", text)[0])
        if "Non-2xx" in text or not count:
            sys.exit(f"{self.backend.name} ({self.backend.transport}) does not answer well:\n{text}")
        p99 = re.findall(r"^\s+99%\s+(\S+)", text, re.M)[0]
        self.results.append((spent / count * 1e6, float(re.findall(r"Requests/sec:\s+(\S+)", text)[0]), p99))


def start_nginx(home: Path, processes: list[Process], port: int) -> subprocess.Popen[bytes]:
    """Start nginx with one location for each backend."""
    upstreams = "".join(
        f"upstream u{number} {{ server unix:{item.socket}; keepalive 64; }}\n" for number, item in enumerate(processes)
    )
    locations = "".join(
        f"location = {item.path} {{ {item.backend.location.format(upstream=f'u{number}', socket=item.socket)} }}\n"
        for number, item in enumerate(processes)
    )
    for name in ("fastcgi_params", "scgi_params", "uwsgi_params"):
        shutil.copy(f"/etc/nginx/{name}", home)
    config = home / "nginx.conf"
    config.write_text(NGINX.format(home=home, upstreams=upstreams, locations=locations, port=port))
    nginx = subprocess.Popen(["nginx", "-p", str(home), "-c", str(config)], stderr=subprocess.DEVNULL)
    while not (home / "nginx.pid").exists():
        if nginx.poll() is not None:
            sys.exit(f"nginx does not start: {(home / 'error.log').read_text()}")
        time.sleep(0.05)
    return nginx


def free_port() -> int:
    """A port of the loopback address nobody listens on."""
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def table(processes: list[Process], about: dict[str, str]) -> str:
    """The results as Markdown, the cheapest first, each with its ratio to flup's FastCGI."""
    rows = []
    for item in processes:
        cost, rate = (statistics.median(column) for column in list(zip(*item.results))[:2])
        rows.append((cost, rate, item))
    rows.sort(key=lambda row: row[0])
    flup = next((cost for cost, _, item in rows if item.backend.name == "flup"), None)
    lines = [", ".join(f"{key} {value}" for key, value in about.items()), ""]
    lines += ["| backend | transport | processor µs/request | × flup | requests/s | p99 |", "|---|---|---|---|---|---|"]
    for cost, rate, item in rows:
        ratio = f"{cost / flup:.2f}" if flup else "-"
        row = f"| {item.backend.name} | {item.backend.transport} | {cost:.1f} | {ratio} | {rate:,.0f} |"
        lines.append(f"{row} {item.results[-1][2]} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print; ``--json FILE`` keeps all rounds."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 rounds of 2 s instead of 5 of 5 s")
    parser.add_argument("--connections", type=int, default=16, help="of the load generator (default: 16)")
    parser.add_argument("--json", type=Path, help="write all rounds to this file")
    args = parser.parse_args()
    for tool in ("nginx", "wrk"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is not installed: apt-get install {tool}")
    rounds, seconds = (3, 2.0) if args.quick else (5, 5.0)
    chosen = backends()
    if not any(item.name == "uWSGI" for item in chosen):
        print("uWSGI is not installed and so not in the table: pip install uwsgi", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="gateways-bench-") as directory:
        home = Path(directory)
        home.chmod(0o755)  # nginx's worker is another user
        (home / "hello.py").write_text(HELLO)
        (home / "flup_hello.py").write_text(FLUP)
        (home / "flask_hello.py").write_text(FLASK)
        processes = [Process(item, number, home) for number, item in enumerate(chosen)]
        port = free_port()
        nginx = start_nginx(home, processes, port)
        try:
            for number in range(rounds):
                for item in processes:
                    print(f"\rround {number + 1}/{rounds} {item.backend.name:<24}", end="", file=sys.stderr, flush=True)
                    item.measure(port, args.connections, seconds)
            print(file=sys.stderr)
        finally:
            for process in (nginx, *(item.process for item in processes)):
                process.terminate()
            for process in (nginx, *(item.process for item in processes)):
                process.wait(10)
    describe = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=False)
    about = {
        "Python": platform.python_version(),
        "machine": f"{platform.machine()} with {os.cpu_count()} processors",
        "load": f"wrk -c{args.connections}, {rounds} rounds of {seconds:g} s",
        "commit": commit.stdout.strip() or "unknown",
    }
    print(table(processes, about))
    if args.json:
        data = [
            {"backend": item.backend.name, "transport": item.backend.transport, "rounds": item.results}
            for item in processes
        ]
        args.json.write_text(json.dumps({"about": about, "results": data}, indent=1) + "\n")


if __name__ == "__main__":
    main()
