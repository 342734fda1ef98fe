"""The servers ours is compared with. One that is not installed is listed all the same, and says what is missing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from tests.bench.backends import HTTP, KEPT, NEW, SCGI, UWSGI, Backend

_SCRIPTS = Path(sys.executable).parent


def _missing_module(name: str) -> str:
    return "" if importlib.util.find_spec(name) else f"pip install {name}"


def _script(name: str) -> tuple[str, str]:
    """Return the path of a command that pip has installed, and what is missing."""
    found = shutil.which(name, path=os.pathsep.join([str(_SCRIPTS), "/usr/local/bin", "/usr/bin"]))
    return found or name, "" if found else f"pip install {name}"


def flup(transport: str = KEPT, app: str = "hello") -> Backend:
    """flup, a thread for each connection."""
    command = (sys.executable, "{apps}/flup_server.py", "{socket}", app)
    return Backend(_id("flup", transport), "flup", transport, command, missing=_missing_module("flup"))


def flipflop(transport: str = KEPT) -> Backend:
    """flipflop, flup's FastCGI for Python 3: also a thread for each connection."""
    command = (sys.executable, "{apps}/flipflop_server.py", "{socket}", "hello")
    return Backend(_id("flipflop", transport), "flipflop", transport, command, missing=_missing_module("flipflop"))


def uwsgi(transport: str = UWSGI, app: str = "hello", threads: int = 1) -> Backend:
    """uWSGI, one worker. It closes each connection after its request, whatever the web server asks."""
    program, missing = _script("uwsgi")
    flags = {UWSGI: "--uwsgi-socket", NEW: "--fastcgi-socket", SCGI: "--scgi-socket", HTTP: "--http-socket"}
    command = (
        *(program, "--master", "--processes=1", "--home", sys.prefix, "--die-on-term", "--disable-logging"),
        # 4 KiB of headers are all it takes unless told otherwise.
        *("--chmod-socket=666", "--buffer-size=16384", f"--listen={_backlog()}"),
        *("--wsgi-file", f"{{apps}}/{app}.py", flags[transport], "{socket}"),
        *((f"--threads={threads}",) if threads > 1 else ()),
    )
    name = "uWSGI" if threads == 1 else f"uWSGI, threads={threads}"
    identity = {UWSGI: "uwsgi", NEW: "uwsgi-fastcgi", SCGI: "uwsgi-scgi", HTTP: "uwsgi-http"}[transport]
    return Backend(identity, name, transport, command, missing=missing)


def _backlog() -> int:
    """As many waiting connections as ours has; uWSGI does not start when the kernel allows fewer."""
    return min(1024, int(Path("/proc/sys/net/core/somaxconn").read_text()))


def gunicorn(transport: str = UWSGI, threads: int = 1) -> Backend:
    """gunicorn with its own uwsgi protocol or HTTP, and the sync worker, which keeps no connection, or gthread."""
    program, missing = _script("gunicorn")
    worker = "sync" if threads == 1 else "gthread"
    command = (
        *(program, f"--worker-class={worker}", "--workers=1", "--umask=0", "--bind=unix:{socket}"),
        *(("--protocol=uwsgi",) if transport == UWSGI else ()),
        *((f"--threads={threads}", "--keep-alive=75") if threads > 1 else ()),
    )
    identity = "gunicorn" if transport == UWSGI else f"gunicorn-{worker}"
    return Backend(identity, f"gunicorn, {worker}", transport, (*command, "hello:application"), missing=missing)


def waitress() -> Backend:
    """waitress over HTTP, with its default of 4 threads."""
    program, missing = _script("waitress-serve")
    command = (program, "--unix-socket={socket}", "--unix-socket-perms=666", "hello:application")
    return Backend("waitress", "waitress", HTTP, command, missing=missing and "pip install waitress")


def granian() -> Backend:
    """granian over HTTP: an outside view, since its HTTP is Rust and its WSGI is Python called from there."""
    program, missing = _script("granian")
    command = (program, "--interface=wsgi", "--http=1", "--no-ws", "--workers=1", "--uds={socket}")
    return Backend(
        "granian", "granian", HTTP, (*command, "--uds-permissions=666", "hello:application"), missing=missing
    )


def libfcgi(transport: str) -> Backend:
    """A C program over libfcgi, compiled when it starts. It serves one connection at a time."""
    missing = "" if Path("/usr/include/fcgiapp.h").exists() else "apt-get install libfcgi-dev"
    if not shutil.which("cc"):
        missing = "apt-get install gcc libc6-dev"
    script = 'cc -O2 -o "$0.program" "{apps}/hello.c" -lfcgi && exec "$0.program" "$0"'
    command = ("sh", "-c", script, "{socket}")
    return Backend(_id("libfcgi", transport), "libfcgi, C program", transport, command, missing=missing)


def php(transport: str = KEPT) -> Backend:
    """PHP's process manager with one child: the neighbour people know."""
    found = sorted(Path("/usr/sbin").glob("php-fpm*"))
    program = str(found[-1]) if found else ""
    account = "user = www-data\ngroup = www-data\n" if os.geteuid() == 0 else ""
    config = (
        "[global]\nerror_log = /dev/stderr\nlog_level = warning\n[hello]\nlisten = {socket}\nlisten.mode = 0666\n"
        f"{account}pm = static\npm.max_children = 1\n"
    )
    script = 'printf "%s" "$1" >"$0.conf" && exec "$2" --nodaemonize --fpm-config "$0.conf"'
    return Backend(
        id=_id("php", transport),
        name="php-fpm, 1 child",
        transport=transport,
        command=("sh", "-c", script, "{socket}", config, program or "php-fpm"),
        missing="" if program else "apt-get install php-fpm",
        more_location=" fastcgi_param SCRIPT_FILENAME {apps}/hello.php;",
    )


def _id(name: str, transport: str) -> str:
    return f"{name}-new" if transport == NEW else name
