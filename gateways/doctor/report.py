"""Shows findings: a line each, for people and for grep, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from gateways.doctor.findings import ERROR, OK, SEVERITIES, WARNING, Finding


def as_line(finding: Finding) -> str:
    """Return ``SEVERITY: WHERE: WHAT; REMEDY [CODE]``."""
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    return f"{finding.severity}: {finding.where}: {finding.what}{remedy} [{finding.code}]"


def as_json(findings: Sequence[Finding]) -> str:
    """Return an object with ``findings``, a list of objects with the fields of a ``Finding``, and ``errors``, a number.

    The fields and their names stay; there may be more of them one day.
    """
    errors = sum(finding.severity == ERROR for finding in findings)
    return json.dumps({"errors": errors, "findings": [asdict(finding) for finding in findings]}, indent=2)


def summary(findings: Iterable[Finding]) -> str:
    """Return the last line for people: how much was found."""
    counts = dict.fromkeys(SEVERITIES, 0)
    for finding in findings:
        counts[finding.severity] += 1
    found = [f"{counts[name]} {name}{'s' * (counts[name] != 1)}" for name in (ERROR, WARNING) if counts[name]]
    return " and ".join(found) if found else "nothing wrong was found"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings in the order of their severity, and as they were found where it is the same.

    What is well is left out where something is not: it would distract.
    """
    found = sorted(dict.fromkeys(findings), key=lambda finding: SEVERITIES.index(finding.severity))
    wrong = any(finding.severity == ERROR for finding in found)
    return [finding for finding in found if not wrong or finding.severity != OK]
