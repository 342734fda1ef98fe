"""Measure processor time per request, ours beside the peers', and write it down.

Each round measures every backend once, in another order each time. The processor time is that of the backend's process
and its children, the steadier figure: the throughput shares the machine with nginx and the load generator.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench import against, machine, report
from tests.bench.backends import ROOT, BenchError
from tests.bench.cases import IDLE_CONNECTIONS, every
from tests.bench.direct import allowed_descriptors
from tests.bench.model import Case, Outcome
from tests.bench.rounds import Progress, measure, quick

RESULTS = ROOT / "docs/reference/benchmarks"
ROUNDS, SECONDS = 5, 4
QUICK_ROUNDS, QUICK_SECONDS = 3, 2

#: What --against measures unless --case says otherwise.
AGAINST = ("hello", "one", "new", "scgi")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a mistake ends the program with status 2."""
    names = list(every())
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument(
        "--case",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"one of {', '.join(names)}; can be given several times",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"few rows, {QUICK_ROUNDS} rounds of {QUICK_SECONDS} s; only prints, unless --output is given",
    )
    parser.add_argument("--against", metavar="REV", help="measure our rows of another commit beside those of this one")
    parser.add_argument("--rounds", type=_positive, metavar="N", help=f"default: {ROUNDS}")
    parser.add_argument("--seconds", type=_positive, metavar="N", help=f"of each round of a row; default: {SECONDS}")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="write here; default: docs/reference/benchmarks when all cases are measured",
    )
    args = parser.parse_args(words)
    args.rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    args.seconds = args.seconds or (QUICK_SECONDS if args.quick else SECONDS)
    if args.against and args.output:
        parser.error("--against prints a comparison and writes no files: leave --output out")
    if args.output is None and not (args.quick or args.case or args.against):
        args.output = RESULTS
    return args


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    args = arguments(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: everything is stopped on the way out
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        for tool in ("nginx", "wrk"):
            if shutil.which(tool) is None:
                raise BenchError(f"{tool} is not installed: apt-get install {tool}")
        allowed_descriptors(2 * IDLE_CONNECTIONS)
        failed = compare(args) if args.against else compare_with_peers(args)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbench: stopped", file=sys.stderr)
        return 130
    return 1 if failed else 0


def compare_with_peers(args: argparse.Namespace) -> bool:
    """Measure the cases and write or print them; say whether a row failed."""
    cases = every()
    chosen = [cases[name] for name in args.case or (["hello"] if args.quick else cases)]
    about = machine.about(args.rounds, args.seconds)
    begun, changed = machine.load_average(), machine.last_change()
    outcomes = run([quick(case) for case in chosen] if args.quick else chosen, args)
    about["load average"] = f"{begun} at the start, {machine.load_average()} at the end"
    if machine.last_change() != changed:
        about["**careful**"] = (
            "files of gateways/ were changed during the run, and not all rows are of the same program"
        )
    versions = machine.versions()
    short = args.rounds < report.FEWEST_ROUNDS or args.seconds < report.SHORTEST_ROUND
    if args.output:
        report.write(args.output, about, versions, outcomes, short)
        print(f"bench: written to {args.output}/results.md, .json and .svg", file=sys.stderr)
    print(report.markdown(about, versions, outcomes, short))
    return any(outcome.failed for outcome in outcomes.values())


def compare(args: argparse.Namespace) -> bool:
    """Measure our rows of two commits and print the ratios; say whether a row failed."""
    cases = every()
    with against.installed(args.against) as source:
        chosen = [cases[name] for name in args.case or AGAINST]
        if args.quick:
            chosen = [quick(case) for case in chosen]
        outcomes = run([against.doubled(case, args.against, source) for case in chosen], args)
    for outcome in outcomes.values():
        print(f"\n{outcome.case.name}: {outcome.case.title}\n", *against.table(outcome, args.against), sep="\n")
    return any(outcome.failed for outcome in outcomes.values())


def run(cases: Sequence[Case], args: argparse.Namespace) -> dict[str, Outcome]:
    """Measure one case after the other."""
    progress = Progress()
    return {case.name: measure(case, args.rounds, args.seconds, progress) for case in cases}


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1 on")
    return number


if __name__ == "__main__":
    sys.exit(main())
