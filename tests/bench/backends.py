"""What is measured: how a server in one configuration is started, and how nginx is told to reach it."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).with_name("apps")

KEPT = "FastCGI, kept"
NEW = "FastCGI, new"
SCGI = "SCGI"
UWSGI = "uwsgi"
HTTP = "HTTP"

#: The body of nginx's location for each transport. ``{upstream}`` keeps connections; ``{socket}`` takes a new one each.
LOCATIONS = {
    KEPT: "include fastcgi_params; fastcgi_keep_conn on; fastcgi_pass {upstream};",
    NEW: "include fastcgi_params; fastcgi_pass unix:{socket};",
    SCGI: "include scgi_params; scgi_pass unix:{socket};",
    UWSGI: "include uwsgi_params; uwsgi_pass unix:{socket};",
    HTTP: 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://{upstream};',
}


class BenchError(Exception):
    """The measurement cannot go on; the message is for the person who started it."""


@dataclass(frozen=True)
class Backend:
    """One server in one configuration.

    ``command`` runs it in the foreground with the files of ``apps/`` beside its working directory. In it ``{socket}``
    stands for the Unix socket to listen on, and ``{apps}`` for the directory of the applications. Where ``missing``
    says what is not installed, the backend is left out.
    """

    id: str
    name: str
    transport: str
    command: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""
    more_location: str = ""
    source: Path | None = None
    """The checkout of ours that runs; None for a peer."""

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"{self.name} ({self.transport})"

    @property
    def location(self) -> str:
        """The body of nginx's location."""
        return LOCATIONS[self.transport] + self.more_location


@functools.cache
def missing_speedups(source: Path) -> str:
    """Say why a checkout of ours does not run with its C part, "" where it does: rows must be what they are called."""
    directory = source / "gateways/adapters"
    built = [path for suffix in EXTENSION_SUFFIXES for path in directory.glob(f"_speedups{suffix}")]
    if not built:
        return "the C part is not built"
    sources = [path for pattern in ("_speedups*.c", "_speedups*.h") for path in directory.glob(pattern)]
    if any(path.stat().st_mtime > built[0].stat().st_mtime for path in sources):
        return "the C part is older than its source: pip install --editable ."
    if version(source) == version(source, GATEWAYS_PURE="1"):
        return "the C part is built and not in use: gateways --version"
    return ""


def version(source: Path = ROOT, **environ: str) -> str:
    """What ``gateways --version`` says, which is also whether the C part is in use."""
    command = [sys.executable, "-m", "gateways", "--version"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAYS_")}
    result = subprocess.run(
        command,
        env={**plain, "PYTHONPATH": str(source), **environ},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip()


def ours(
    transport: str = KEPT,
    *,
    c: bool = True,
    threads: int = 1,
    app: str = "hello",
    access_log: bool = False,
) -> Backend:
    """``gateways serve``, with the C part or in Python alone."""
    flag = {SCGI: "--scgi", UWSGI: "--uwsgi", HTTP: "--http"}.get(transport, "--fastcgi")
    log = ("--access-log", "{socket}.access") if access_log else ("--no-access-log",)
    command = (sys.executable, "-m", "gateways", "serve", f"{app}:application", flag, "unix:{socket}", *log)
    part = "c" if c else "pure"
    return Backend(
        id=f"{part}{threads}"
        + ("-log" if access_log else "")
        + {NEW: "-new", SCGI: "-scgi", UWSGI: "-uwsgi", HTTP: "-http"}.get(transport, ""),
        name=f"gateways, {'C' if c else 'pure'}, threads={threads}" + (", access log" if access_log else ""),
        transport=transport,
        command=(*command, "--socket-mode", "0666", "--threads", str(threads)),
        environ={} if c else {"GATEWAYS_PURE": "1"},
        missing=missing_speedups(ROOT) if c else "",
        source=ROOT,
    )
