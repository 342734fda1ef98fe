"""nginx before a server under test, with connections kept to the client and, in FastCGI, to the server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence

from tests.live.sandbox import free_port
from tests.soak.model import SoakError
from tests.soak.servers import Running, text_of, waited
from tests.support.load import Target, ask
from tests.support.managing import LEASH
from tests.support.requirements import find_program

_KINDS = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")


@contextlib.contextmanager
def nginx(*backends: Running) -> Iterator[Target]:
    """Run nginx before servers of one protocol; the target speaks HTTP.

    By its default nginx asks the next backend when one does not answer. With one backend it repeats only what it wrote
    to a kept connection that was closed before a byte of an answer came.
    """
    program = find_program("nginx")
    if program is None:
        raise SoakError("nginx is not installed: apt-get install nginx")
    first = backends[0]
    directory, port = first.directory, free_port()
    config = directory / "nginx.conf"
    config.write_text(_configuration(backends, port), encoding="utf-8")
    with (directory / "nginx.log").open("wb") as log:
        command = [*LEASH, program, "-p", str(directory), "-e", str(directory / "nginx.log"), "-c", str(config)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    target = Target("http", ("127.0.0.1", port), keep=True)
    try:
        if waited(lambda: process.poll() is not None or not ask(target, "/pid").failure) is None or process.poll():
            raise SoakError(f"nginx does not start:\n{(directory / 'nginx.log').read_text()}")
        yield target
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.05)  # its descriptors on the backends' sockets go with it


def _configuration(backends: Sequence[Running], port: int) -> str:
    first = backends[0]
    directory, protocol = first.directory, first.wish.protocol
    servers = "".join(f" server {text_of(running.address)} max_fails=0;" for running in backends)
    location = f"include /etc/nginx/{protocol}_params; {protocol}_pass backend;"
    location += f" {protocol}_param SCRIPT_NAME ''; {protocol}_param PATH_INFO $uri;"
    keep = ""
    if protocol == "fastcgi" and first.server.keeps:
        location += " fastcgi_keep_conn on;"
        keep = " keepalive 32;"
    for name, value in first.server.variables(directory):
        location += f" {protocol}_param {name.decode()} {value.decode()};"
    temporary = "".join(f"{kind}_temp_path {directory}/nginx-{kind}; " for kind in _KINDS)
    account = "user root;\n" if os.geteuid() == 0 else ""
    return (
        f"daemon off;\n{account}worker_processes 1;\npid {directory}/nginx.pid;\nerror_log {directory}/nginx.log;\n"
        "events { worker_connections 2048; }\n"
        f"http {{\n    access_log off;\n    {temporary}\n    client_max_body_size 0;\n"
        f"    upstream backend {{{servers}{keep} }}\n"
        f"    server {{ listen 127.0.0.1:{port} backlog=1024; keepalive_requests 100000;\n"
        f"        location / {{ {location} }}\n    }}\n}}\n"
    )
