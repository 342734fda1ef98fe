"""Where and when it was measured, and with which versions: what a figure means nothing without."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from tests.bench.backends import ROOT, version

_DISTRIBUTIONS = ("uWSGI", "gunicorn", "flup", "flipflop", "waitress", "granian", "Flask", "Django")

#: Programs that say their version, and what is wanted of it.
_PROGRAMS = {
    "nginx": (["nginx", "-v"], r"nginx/(\S+)"),
    "wrk": (["wrk", "-v"], r"wrk (\S+)"),
    "Apache": (["apache2", "-v"], r"Apache/(\S+)"),
    "libfcgi": (["dpkg-query", "-W", "libfcgi-dev"], r"\s(\S+)"),
}


def about(rounds: int, seconds: int) -> dict[str, str]:
    """All that is known before the measurement."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _first(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"], r"(\S+)")
        or "unknown",
        "gateways": version().replace("gateways ", "", 1),
        "machine": f"{processor()}, {os.cpu_count()} processors, {platform.machine()}",
        "system": f"{_distribution()}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "rounds": f"{rounds} of {seconds} s for each row, interleaved",
    }


def versions() -> dict[str, str]:
    """The version of each peer and tool that is installed."""
    found = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    programs = dict(_PROGRAMS)
    for path in sorted(Path("/usr/sbin").glob("php-fpm*")):
        programs["php-fpm"] = ([str(path), "-v"], r"PHP (\S+)")
    for name, (command, pattern) in programs.items():
        if says := _first(command, pattern):
            found[name] = says
    return found


def last_change() -> float:
    """When a file of the package was last changed: rows of a run that was edited under it are of different programs."""
    return max(
        path.stat().st_mtime for path in (ROOT / "gateways").rglob("*") if path.suffix in (".py", ".c", ".h", ".so")
    )


def load_average() -> str:
    """The load of the machine over the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def processor() -> str:
    """The model of the processor."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    return found[1] if found else platform.machine()


def _distribution() -> str:
    try:
        found = re.search(r'^PRETTY_NAME="(.+)"$', Path("/etc/os-release").read_text(), re.M)
    except OSError:
        found = None
    return found[1] if found else platform.system()


def _first(command: Sequence[str], pattern: str) -> str:
    """Return what a pattern finds in what a program says, "" without it."""
    try:
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    except OSError:
        return ""
    found = re.search(pattern, result.stdout + result.stderr)
    return found[1].strip() if found else ""
