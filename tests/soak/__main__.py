"""Run the scenarios of load and faults: ours, and php-fpm and uWSGI in the same run.

Everything takes about 30 minutes, --quick about 10. Only loopback and Unix sockets are used, every load is bounded, and
what was started is stopped at the end. Exits with 1 when ours misses a goal.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Sequence

from tests.bench import machine
from tests.bench.direct import allowed_descriptors
from tests.soak import connections, growth, killing, reloading, report, starting, stuck, transfer
from tests.soak.model import OURS, PATIENT_PHP, PHP, UWSGI, Plan, Result, Scenario, SoakError
from tests.soak.peers import all_servers
from tests.soak.servers import Server
from tests.support.managing import ROOT

DOCS = ROOT / "docs/reference"
_CHOICES = {"ours": (OURS,), "php-fpm": (PHP, PATIENT_PHP), "uwsgi": (UWSGI,)}


def scenarios() -> dict[str, Scenario]:
    """All scenarios by name, in the order of their numbers."""
    modules = (reloading, killing, connections, growth, transfer, stuck, starting)
    found: list[Scenario] = [scenario for module in modules for scenario in module.SCENARIOS]
    return {scenario.name: scenario for scenario in sorted(found, key=lambda scenario: int(scenario.name[1:]))}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a mistake ends the program with status 2."""
    names = list(scenarios())
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument(
        "--scenario", nargs="+", choices=names, default=names, metavar="NAME", help=f"of {', '.join(names)}"
    )
    parser.add_argument("--server", nargs="+", choices=list(_CHOICES), default=list(_CHOICES), help="default: all")
    parser.add_argument("--requests", type=int, default=0, help="of L6, default: 1000000, with --quick 100000")
    parser.add_argument("--write", action="store_true", help="write docs/reference/scenarios.md and .json")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    args = arguments(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as Ctrl-C: everything is stopped on the way out
    allowed_descriptors(20000)
    names = [name for choice in args.server for name in _CHOICES[choice]]
    servers = [server for server in all_servers() if server.name in names]
    plan = Plan(args.quick, args.requests)
    about = machine.about(1, 0)
    del about["rounds"]  # each scenario says how often it does what
    begun = time.monotonic()
    results = []
    try:
        for name in dict.fromkeys(args.scenario):
            results.append(measure(scenarios()[name], servers, plan))
    except KeyboardInterrupt:
        print("\nsoak: stopped", file=sys.stderr)
        return 130
    about["duration"] = f"{(time.monotonic() - begun) / 60:.0f} minutes" + (", a short run" if args.quick else "")
    about["versions"] = ", ".join(server.version() for server in servers if not server.missing())
    if args.write:
        report.write(DOCS, about, results)
    print(report.markdown(about, results))
    return int(any(result.failed for result in results))


def measure(scenario: Scenario, servers: Iterable[Server], plan: Plan) -> Result:
    """Run a scenario on each server that it is for."""
    result = Result(scenario)
    begun = time.monotonic()
    for server in servers:
        if server.name not in scenario.servers:
            continue
        if server.missing():
            result.broken[server.name] = f"missing: {server.missing()}"
            continue
        figures = result.figures.setdefault(server.name, [])
        try:
            for figure in scenario.run(server, plan):
                figures.append(figure)
                mark = {True: "ok  ", False: "MISS", None: "    "}[figure.met]
                print(f"{scenario.name:4}{mark} {server.name}: {figure.what}: {figure.text}", file=sys.stderr)
        except SoakError as error:
            result.broken[server.name] = str(error)
            print(f"{scenario.name:4}FAIL {server.name}: {error}", file=sys.stderr)
        except Exception as error:  # the other scenarios are not to be lost
            result.broken[server.name] = repr(error)
            print(f"{scenario.name:4}FAIL {server.name}:", file=sys.stderr)
            traceback.print_exc()
    result.seconds = time.monotonic() - begun
    print(f"{scenario.name:4}took {result.seconds:.0f} s", file=sys.stderr)
    return result


if __name__ == "__main__":
    sys.exit(main())
