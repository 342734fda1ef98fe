"""Writes docs/reference/conformance.md: the protocol cases against ours, flup, uWSGI and php-fpm.

python -m tests.tools.conformance            ours is run now; the others are as they were last measured
python -m tests.tools.conformance --peers    all are run now, which takes some minutes
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Callable

from gateways.addresses import connect, parse_address
from gateways.conform.case import DIFFERS, FAIL, PASS, Case, Fair
from gateways.conform.echo import application
from gateways.conform.runner import READERS, cases_of, meet, run_cases
from gateways.errors import ConnectError
from tests.support.requirements import find_program
from tests.support.serving import PATIENCE, serving, until
from tests.support.source import CHECKOUT

PAGE = CHECKOUT / "docs" / "reference" / "conformance.md"
MEASURED = CHECKOUT / "docs" / "reference" / "conformance.json"

#: Ours has this name there.
OURS = "gateways"
TITLES = {"fastcgi": "FastCGI", "scgi": "SCGI", "uwsgi": "uwsgi", "ajp": "AJP13", "http": "HTTP"}
#: A secret, so that the case about it is run.
SECRET = "conformance"

PHP = """\
<?php
header("Content-Type: text/plain");
$early = ($_SERVER["HTTP_X_ECHO"] ?? "") == "early";
echo "gateways echo 1\\nbody ", $early ? "" : rawurlencode(file_get_contents("php://input")), "\\n";
foreach ($_SERVER as $name => $value)
    if (is_string($value)) echo "var ", rawurlencode($name), " ", rawurlencode($value), "\\n";
"""

INTRODUCTION = """\
<!-- Written by tests/tools/conformance.py: change that, or the cases in gateways/conform/. -->

# What backends do with unusual and hostile input

The cases of [`gateways conform`](command-line.md#gateways-conform), which says what the grades mean: each with the
clause or the incident behind it, against this program and others. The column of this program is held equal to a run by
a test; the others are as last measured, with the date.
Run it against your own: `gateways conform --fastcgi unix:/run/app.sock`.

Behind each backend is the same application, which says what it was asked: `gateways.conform.echo:application`, in uWSGI
and flup as it is, and for php-fpm this:

```php
PHP```

A row says what came where it is not right. *Left hanging* is no answer and no close within 3 seconds.
"""


def run_ours(protocol: str) -> dict[str, list[str]]:
    """Run the cases against ours."""
    settings = {"ajp_secret": SECRET} if protocol == "ajp" else {}
    with serving(application, protocol, **settings) as served:
        found = measure(protocol, f"unix:{served.address}", timeout=PATIENCE)
        served.stop()  # the request that ``serving`` makes would not know the secret
    return found


def measure(protocol: str, address: str, script: str = "", timeout: float = 3.0) -> dict[str, list[str]]:
    """Run the cases against a backend: grade and what came, by number."""
    fair = Fair(extra=[(b"SCRIPT_FILENAME", script.encode())] if script else [], secret=SECRET)
    backend = meet(protocol, parse_address(address), fair, timeout)
    assert backend.strict, address
    return {one.case.number: [one.grade, one.came] for one in run_cases(backend, cases_of(protocol, fair))}


@contextlib.contextmanager
def _process(command: list[str], address: str) -> Iterator[str]:
    with tempfile.TemporaryFile() as log:
        environ = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environ, start_new_session=True)
        try:
            until(lambda: process.poll() is not None or _listens(address), " ".join(command))
            assert process.poll() is None, command
            yield address
        finally:
            os.killpg(process.pid, 9)
            process.wait()


def _listens(address: str) -> bool:
    try:
        connect(parse_address(address), PATIENCE).close()
    except ConnectError:
        return False
    return True


_FLUP = """
import sys, warnings
warnings.simplefilter("ignore")
from flup.server.{module} import WSGIServer
from gateways.conform.echo import application
WSGIServer(application, bindAddress=sys.argv[1]).run()
"""


@contextlib.contextmanager
def flup(protocol: str, directory: Path) -> Iterator[str]:
    """Run flup's server."""
    script = _FLUP.format(module="fcgi" if protocol == "fastcgi" else protocol)
    with _process([sys.executable, "-c", script, f"{directory}/socket"], f"unix:{directory}/socket") as address:
        yield address


@contextlib.contextmanager
def uwsgi(protocol: str, directory: Path) -> Iterator[str]:
    """Run uWSGI."""
    flags = {"fastcgi": "--fastcgi-socket", "scgi": "--scgi-socket", "uwsgi": "--socket", "http": "--http-socket"}
    words = ["--master", "--processes", "2", "--module", "gateways.conform.echo:application", "--disable-logging"]
    program = find_program("uwsgi") or str(Path(sys.executable).with_name("uwsgi"))
    with _process([program, flags[protocol], f"{directory}/socket", *words], f"unix:{directory}/socket") as address:
        yield address


@contextlib.contextmanager
def php_fpm(protocol: str, directory: Path) -> Iterator[str]:
    """Run php-fpm."""
    (directory / "echo.php").write_text(PHP, encoding="utf-8")
    pool = f"[www]\nlisten = {directory}/socket\nuser = www-data\ngroup = www-data\npm = static\npm.max_children = 4\n"
    (directory / "fpm.conf").write_text(f"[global]\ndaemonize = no\n{pool}", encoding="utf-8")
    command = [_php_program(), "-n", "-R", "-y", f"{directory}/fpm.conf"]
    with _process(command, f"unix:{directory}/socket") as address:
        yield address


def _php_program() -> str:
    return str(max(Path("/usr/sbin").glob("php-fpm*")))


def _php_version() -> str:
    text = subprocess.run([_php_program(), "-v"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"PHP ([0-9.]+)", text)
    assert found
    return found[1]


Peer = tuple[Callable[[str, Path], Any], tuple[str, ...], Callable[[], str]]
PEERS: dict[str, Peer] = {
    "flup": (flup, ("fastcgi", "scgi"), lambda: version("flup")),
    "uWSGI": (uwsgi, ("fastcgi", "scgi", "uwsgi", "http"), lambda: version("uWSGI")),
    "php-fpm": (php_fpm, ("fastcgi",), _php_version),
}


def measure_peers() -> dict[str, Any]:
    """Run the cases against all others."""
    measured: dict[str, Any] = {}
    for name, (start, protocols, get_version) in PEERS.items():
        results = {}
        for protocol in protocols:
            print(name, protocol, file=sys.stderr)
            with tempfile.TemporaryDirectory(prefix="gw-") as directory:
                os.chmod(directory, 0o755)
                with start(protocol, Path(directory)) as address:
                    script = f"{directory}/echo.php" if name == "php-fpm" else ""
                    results[protocol] = measure(protocol, address, script)
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        measured[name] = {
            "version": get_version() + ("" if name == "php-fpm" else f", Python {python}"),
            "date": datetime.now(timezone.utc).date().isoformat(),
            "results": results,
        }
    return measured


def page(measured: dict[str, Any]) -> str:
    """Return the whole page."""
    parts = [INTRODUCTION.replace("PHP```", f"{PHP}```")]
    for protocol, title in TITLES.items():
        columns = {name: found["results"][protocol] for name, found in measured.items() if protocol in found["results"]}
        parts.append(f"\n## {title}\n\n{_table(protocol, columns, measured)}")
    return "".join(parts)


def _table(protocol: str, columns: dict[str, dict[str, list[str]]], measured: dict[str, Any]) -> str:
    heads = [_head(name, measured[name]) for name in columns]
    sums = [_sum(results) for results in columns.values()]
    lines = [
        f"| | sent | right | {' | '.join(heads)} |",
        "|---" * (3 + len(columns)) + "|",
        f"| | | **pass, differs, fail** | {' | '.join(sums)} |",
    ]
    for case in cases_of(protocol, Fair(secret=SECRET)):
        cells = [_cell(results.get(case.number)) for results in columns.values()]
        lines.append(f"| {case.number} | {_escape(case.sent)} | {_escape(case.right)} | {' | '.join(cells)} |")
    left = import_module(f"gateways.conform.cases_{protocol}").NOT_RUN
    text = "\n".join(lines) + "\n"
    if left:
        reasons = "; ".join(f"{number}, {reason}" for number, reason in left.items())
        text += f"\nNot run, because it cannot be told from outside within seconds: {reasons}.\n"
    return text


def _head(name: str, found: dict[str, Any]) -> str:
    return name if name == OURS else f"{name} {found['version']} ({found['date']})"


def _sum(results: dict[str, list[str]]) -> str:
    counts = [sum(grade == wanted for grade, _ in results.values()) for wanted in (PASS, DIFFERS, FAIL)]
    return ", ".join(map(str, counts))


def _cell(result: list[str] | None) -> str:
    if result is None:
        return "not run"
    grade, came = result
    return grade if grade == PASS else f"{'**fail**' if grade == FAIL else grade}: {_escape(came)}"


def _escape(text: str) -> str:
    return re.sub(r"([|\\<>*_`\[\]])", r"\\\1", text)


def read() -> dict[str, Any]:
    """Return what was measured last."""
    measured: dict[str, Any] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return measured


def cases() -> dict[str, list[Case]]:
    """Return all cases that are run, by protocol."""
    return {protocol: cases_of(protocol, Fair(secret=SECRET)) for protocol in READERS}


def main() -> None:
    """Measure, and write both files."""
    peers = measure_peers() if "--peers" in sys.argv[1:] else {k: v for k, v in read().items() if k != OURS}
    ours = {
        protocol: {number: [grade, ""] for number, (grade, _) in run_ours(protocol).items()} for protocol in READERS
    }
    measured = {OURS: {"results": ours}, **peers}
    MEASURED.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(measured), encoding="utf-8")


if __name__ == "__main__":
    main()
