"""Examines a configuration that a test has written, without looking at what it names."""

from __future__ import annotations

from pathlib import Path

from gateways.doctor.findings import Finding
from gateways.doctor.targets import Options, examine

ONLY_READ = Options(user="root", run=False)


def findings(path: Path, text: str) -> list[Finding]:
    """What is found in a file with that text."""
    path.write_text(text)
    return list(examine(str(path), ONLY_READ))


def codes(path: Path, text: str) -> dict[str, int]:
    """The codes of what is found, each with the line it is in."""
    found = {}
    for finding in findings(path, text):
        line = finding.where.rpartition(":")[2]
        found[finding.code] = int(line) if line.isdigit() else 0
    return found
