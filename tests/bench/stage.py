"""Where a case is measured: every backend of it running, and one nginx in front of them all."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench.backends import APPS, HTTP, KEPT, BenchError
from tests.bench.model import Measure, Row, Sample
from tests.bench.running import Target, fill
from tests.live.sandbox import free_port
from tests.live.servers import Process

MIB = 1 << 20
FILE_SIZE = 100 * MIB

# A kept connection is kept for the whole run: both sides would close it after 1000 requests. What a backend sends is
# taken as fast as it comes, and an upload is passed on as it comes: temporary files would measure the disk.
_NGINX = """
worker_processes 1; daemon off; pid {home}/nginx.pid; error_log {home}/nginx.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    default_type text/plain;
    keepalive_requests 100000000;
    client_max_body_size 0;
{temporary}
{upstreams}
    server {{
        listen 127.0.0.1:{port};
{locations}
    }}
}}
"""
_KINDS = ("fastcgi", "proxy", "uwsgi", "scgi")
_STREAMING = " ".join(
    f"{kind}_request_buffering off; {kind}_max_temp_file_size 0; {kind}_buffers 16 64k; {kind}_buffer_size 64k;"
    f" {kind}_busy_buffers_size 256k;"
    for kind in _KINDS
)


@contextlib.contextmanager
def behind_nginx(rows: Sequence[Row]) -> Iterator[Mapping[str, Measure]]:
    """Start the backends and nginx; give for each row's key the function that measures it."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(_home())
        targets: dict[str, Target] = {}
        for number, row in enumerate(rows):
            targets[row.key] = Target(row.backend, home, number)
            stack.callback(targets[row.key].stop)
        failures = {key: error for key, target in targets.items() if (error := _started(target))}
        port = free_port()
        nginx = _nginx(home, [target for key, target in targets.items() if key not in failures], port)
        stack.callback(nginx.kill)
        nginx.wait_for(("127.0.0.1", port))
        for target in targets.values():
            target.port = port
        yield {
            row.key: functools.partial(_fail, failures[row.key])
            if row.key in failures
            else functools.partial(row.load, targets[row.key])
            for row in rows
        }


@contextlib.contextmanager
def afresh(rows: Sequence[Row]) -> Iterator[Mapping[str, Measure]]:
    """Start a backend anew for each round, with nothing in front: memory that was grown once is not given back."""

    def measure(row: Row, seconds: int) -> Sample:
        with _home() as home:
            target = Target(row.backend, home, 0)
            try:
                target.wait()
                return row.load(target, seconds)
            finally:
                target.stop()

    yield {row.key: functools.partial(measure, row) for row in rows}


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """A directory with the applications and a large file, readable by nginx's and PHP's user."""
    with tempfile.TemporaryDirectory(prefix="gw-bench-", dir="/tmp") as directory:
        home = Path(directory)
        home.chmod(0o755)
        shutil.copytree(APPS, home / "apps", ignore=shutil.ignore_patterns("__pycache__"))
        with (home / "file").open("wb") as file:
            file.truncate(FILE_SIZE)
        yield home


def _started(target: Target) -> BenchError | None:
    try:
        target.wait()
    except BenchError as error:
        return error
    return None


def _fail(error: BenchError, seconds: int) -> Sample:
    raise error


def _nginx(home: Path, targets: Sequence[Target], port: int) -> Process:
    """Start nginx with a location for each backend."""
    upstreams, locations = [], []
    for target in targets:
        name = target.url_path.strip("/")
        if target.backend.transport in (KEPT, HTTP):
            upstreams.append(
                f"    upstream {name} {{ server unix:{target.socket}; keepalive 64; keepalive_requests 100000000; }}"
            )
        body = fill(target.backend.location, upstream=name, socket=target.socket, apps=home / "apps")
        locations.append(f"        location {target.url_path} {{ {body} }}")
    for params in ("fastcgi_params", "scgi_params", "uwsgi_params"):
        shutil.copy(f"/etc/nginx/{params}", home)
    config = home / "nginx.conf"
    temporary = "".join(f"    {kind}_temp_path {home}/{kind};\n" for kind in _KINDS)
    config.write_text(
        _NGINX.format(
            home=home,
            port=port,
            temporary=f"    client_body_temp_path {home}/body;\n{temporary}    {_STREAMING}",
            upstreams="\n".join(upstreams),
            locations="\n".join(locations),
        )
    )
    return Process(["nginx", "-p", home, "-e", home / "nginx.log", "-c", config], log=home / "nginx.log")
