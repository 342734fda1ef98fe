"""Write docs/reference/doctor.md from the codes that the modules of gateways.doctor declare.

python -m tests.tools.doctor_reference
"""

from __future__ import annotations

import importlib
import pkgutil

import gateways.doctor
from gateways.doctor.findings import CODES, SEVERITIES
from tests.support.source import CHECKOUT

PAGE = CHECKOUT / "docs" / "reference" / "doctor.md"

INTRODUCTION = """\
<!-- Written by tests/tools/doctor_reference.py from gateways/doctor: change that. -->

# What gateways doctor finds

`gateways doctor WHAT...` ([flags](command-line.md#gateways-doctor)) prints a line for each fault:

    SEVERITY: WHERE: WHAT; REMEDY [CODE]

An *error* is why it does not work. A *warning* is what will fail elsewhere or later, or is not safe. A *note* is good
to know, and *ok* says what was tried and works. With `--json` it is one object: `errors`, their number, and
`findings`, a list of objects with `code`, `severity`, `where`, `what` and `remedy`. A code stands for the same fault
for ever.
"""

HEADINGS = {
    "error": "Errors",
    "warning": "Warnings",
    "note": "Notes",
    "ok": "What works",
}


def load_all() -> None:
    """Import every module that declares codes."""
    for found in pkgutil.walk_packages(gateways.doctor.__path__, "gateways.doctor."):
        importlib.import_module(found.name)


def page() -> str:
    """Return the whole page."""
    load_all()
    parts = [INTRODUCTION]
    for severity in SEVERITIES:
        codes = sorted((code for code in CODES.values() if code.severity == severity), key=lambda code: code.name)
        if codes:
            parts.append(f"\n## {HEADINGS[severity]}\n\n| code | what it means |\n|---|---|\n")
            parts += [f"| `{code.name}` | {code.meaning.replace('|', chr(92) + '|')} |\n" for code in codes]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
