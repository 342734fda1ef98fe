"""What a CGI script pays for importing ``run_with_cgi``, beside ``wsgiref.handlers`` of the standard library.

    python -m tests.bench.import_time [--runs N]

The interpreter is bare: it has imported ``site``, as every interpreter does, but runs no .pth file that somebody has
installed. Each round measures all programs once, so that a drift of the machine hits all alike; the figures are
medians. Two clocks: the sum that ``-X importtime`` reports, and the time of the whole process, less that of one that
imports nothing. The goal is at most 60 % by the first.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BARE = f"import site, sys; sys.path.insert(0, {str(ROOT)!r})"
OURS = "from gateways import run_with_cgi"
THEIRS = "import wsgiref.handlers"
GOAL = 0.6


def import_time(statement: str) -> float:
    """Return what ``-X importtime`` says that a statement adds, in milliseconds."""
    report = run("-X", "importtime", "-c", f"{BARE}; {statement}")
    lines = [line.split("|") for line in report.splitlines() if line.startswith("import time:")]
    names = [fields[2].strip() for fields in lines]
    added = lines[names.index("site") + 1 :]
    return sum(int(fields[0].rpartition(":")[2]) for fields in added) / 1000


def process_time(statement: str) -> float:
    """Return how long a process that runs a statement takes, in milliseconds."""
    start = time.perf_counter()
    run("-c", f"{BARE}; {statement}")
    return (time.perf_counter() - start) * 1000


def run(*arguments: str) -> str:
    """Run an interpreter and return what it wrote to standard error."""
    command = [sys.executable, "-I", "-S", *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=True).stderr


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.import_time", description="Time of imports.")
    parser.add_argument("--runs", type=int, default=31, help="rounds to take the median of (default: 31)")
    runs = parser.parse_args().runs
    for statement in (OURS, THEIRS):
        run("-c", f"{BARE}; {statement}")  # compiles what has no .pyc yet

    imports: dict[str, list[float]] = {OURS: [], THEIRS: []}
    processes: dict[str, list[float]] = {"pass": [], OURS: [], THEIRS: []}
    for _ in range(runs):
        for statement, times in imports.items():
            times.append(import_time(statement))
        for statement, times in processes.items():
            times.append(process_time(statement))
    bare = statistics.median(processes["pass"])

    print(f"Python {platform.python_version()}, medians of {runs} runs; a process that imports nothing: {bare:.2f} ms")
    print(f"{'':36} {'importtime':>12} {'process':>12}")
    for statement in (OURS, THEIRS):
        whole = statistics.median(processes[statement]) - bare
        print(f"{statement:36} {statistics.median(imports[statement]):9.2f} ms {whole:9.2f} ms")
    share = statistics.median(imports[OURS]) / statistics.median(imports[THEIRS])
    print(f"{OURS} costs {share:.0%} of {THEIRS} (goal: {GOAL:.0%} at most)")
    sys.exit(share > GOAL)


if __name__ == "__main__":
    main()
