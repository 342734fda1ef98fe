"""``gateways check-config``: check the configuration file, and say everything that is wrong with it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

from gateways.config import Plan, choose_file, read_plan
from gateways.errors import BootError, ConfigError
from gateways.server.preflight import inspect
from gateways.server.trial import try_loading
from gateways.settings import Settings
from gateways.settings.managing import OF_THE_MASTER
from gateways.values import Kind, Many, Pair

EPILOG = """\
What gateways serve would use is checked, GATEWAYS_* variables included: every value, what contradicts each other, and
what this machine can tell without a start: that users and directories exist, and that it can write where it has to.

exit status:
  0  the file can be used; what it says is printed
  2  it cannot, and each line on standard error says why
  3  an application cannot be loaded (--load)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file, and whether to load the applications."""
    parser.usage = "gateways check-config [FILE] [--load]"
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="the configuration file; default: GATEWAYS_CONFIG, or gateways.toml in the working directory",
    )
    parser.add_argument(
        "--load",
        action="store_true",
        help="also load each application, in a process of its own with the user and the environment of its pool",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what the file says, or all that is wrong with it; return the exit code."""
    name, _ = choose_file(arguments.file, None, os.environ)
    if name is None:
        raise ConfigError("no configuration file: give FILE; there is no gateways.toml in the working directory")
    problems: list[str] = []
    notices: list[str] = []
    plan = read_plan(name, None, {}, os.environ, problems)
    if plan is not None:
        notices += plan.notices
        if not problems:
            _inspect(plan, problems, notices)
    for notice in dict.fromkeys(notices):
        print(f"gateways: notice: {notice}", file=sys.stderr)
    for problem in dict.fromkeys(problems):
        print(f"gateways: error: {problem}", file=sys.stderr)
    if problems or plan is None:
        return ConfigError.exit_code
    if arguments.load and not _load(plan):
        return BootError.exit_code
    print(f"{name}: ok")
    for line in _summary(plan):
        print(line)
    return 0


def _inspect(plan: Plan, problems: list[str], notices: list[str]) -> None:
    for pool in plan.pools:
        for finding in inspect(pool.settings):
            given = finding.setting in pool.settings.given
            label = pool.settings.label(finding.setting) if given else f"pool {pool.name}: {finding.setting}"
            (problems if finding.fatal else notices).append(f"{label}: {finding.text}")


def _load(plan: Plan) -> bool:
    failed = False
    for pool in plan.pools:
        reason = try_loading(pool.application, pool.settings)
        if reason:
            failed = True
            print(f"gateways: error: pool {pool.name}: {reason}", file=sys.stderr)
    return not failed


def _summary(plan: Plan) -> Iterator[str]:
    """Show all settings that are not at their defaults."""
    yield from _show(plan.master, [name for name in plan.master.settings if name in OF_THE_MASTER])
    for pool in plan.pools:
        yield f"pool {pool.name}: {pool.application}"
        yield from _show(pool.settings, [name for name in pool.settings.settings if name not in OF_THE_MASTER])


def _show(settings: Settings, names: list[str]) -> Iterator[str]:
    for name in names:
        setting, value = settings.settings[name], getattr(settings, name)
        if value != setting.default:
            yield f"  {name} = {_shown(setting.kind, value)}"


def _shown(kind: Kind, value: object) -> str:
    if isinstance(kind, Many) and isinstance(kind.kind, Pair):
        assert isinstance(value, tuple)
        return " ".join(f"{name}=..." for name, _ in value)  # passwords stand there
    return kind.show(value)
