"""Another commit of ours beside the present one: every row of ours twice, measured in the same rounds."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.bench.backends import ROOT, BenchError
from tests.bench.figures import median, ratio, shown
from tests.bench.model import METRICS, Case, Outcome, Row

_INSTALL_TIMEOUT = 300


@contextlib.contextmanager
def installed(revision: str) -> Iterator[Path]:
    """Install another commit, its C part with it where it has one, into a temporary directory."""
    commit = ["git", "rev-parse", "--quiet", "--verify", "--end-of-options", f"{revision}^{{commit}}"]
    name = _run(commit, f"{revision} is no commit").decode().strip()
    archive = _run(["git", "archive", "--format=tar", name], f"{revision} cannot be checked out")
    with tempfile.TemporaryDirectory(prefix="gw-against-") as directory:
        source, target = Path(directory, "source"), Path(directory, "installed")
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(source)  # our own commit
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        _run([*pip, "--target", str(target), str(source)], f"{revision} cannot be installed")
        yield target


def doubled(case: Case, revision: str, source: Path) -> Case:
    """The rows of ours that are servers, each beside its twin of the other commit."""
    rows: list[Row] = []
    for row in case.rows:
        backend = row.backend
        if backend.source and backend.command and not backend.missing:
            twin = replace(backend, id=f"{backend.id}@{revision}", name=f"{backend.name}, {revision}", source=source)
            rows += [row, replace(row, backend=twin)]
    return replace(case, rows=tuple(rows), references=())


def table(outcome: Outcome, revision: str) -> list[str]:
    """Both commits side by side: medians of the case's metric, and the ratio of the present one to the other."""
    metric = outcome.case.ratio
    title = METRICS[metric].title
    lines = [f"| backend | {title}, now | {title}, {revision} | now ÷ {revision} |", "|---|---|---|---|"]
    pairs = zip(outcome.case.rows[::2], outcome.case.rows[1::2])
    for now, then in pairs:
        mine, theirs = (outcome.samples.get(row.key, []) for row in (now, then))
        cells = [shown(median(samples, metric), metric) for samples in (mine, theirs)]
        lines.append(f"| {now.label} | {' | '.join(cells)} | {ratio(mine, theirs, metric) or '–'} |")
    return lines


def _run(command: list[str], complaint: str) -> bytes:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=_INSTALL_TIMEOUT)
    if result.returncode:
        raise BenchError(f"{complaint}: {result.stderr.decode(errors='replace').strip()[-500:]}".rstrip(": "))
    return result.stdout
