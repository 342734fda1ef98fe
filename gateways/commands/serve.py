"""``gateways serve APP``: serve an application by FastCGI and SCGI until a signal ends it."""

from __future__ import annotations

import argparse

from gateways.declared import Setting
from gateways.runners import serve_settings
from gateways.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the application and a flag for each setting, in the groups of their declaration."""
    parser.add_argument("application", metavar="APP", help="module:attribute, path/to/file.py:attribute or module:make()")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for setting in Settings.settings.values():
        if setting.group not in groups:
            groups[setting.group] = parser.add_argument_group(setting.group)
        _add_flag(groups[setting.group], setting)


def run(arguments: argparse.Namespace) -> int:
    """Serve; return the exit code."""
    flags = {name: value for name, value in vars(arguments).items() if name in Settings.settings and value is not None}
    return serve_settings(arguments.application, Settings.load(flags=flags))


def _add_flag(group: argparse._ArgumentGroup, setting: Setting) -> None:
    kind = setting.kind
    default = "" if setting.default is None or kind.many else f" Default: {kind.show(setting.default)}."
    text = (setting.help + default).replace("%", "%%")
    if kind.switch:
        group.add_argument(setting.flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        return
    action = "append" if kind.many else "store"
    group.add_argument(setting.flag, metavar=kind.metavar, action=action, default=None, help=text)
    if kind.off:
        negative = setting.flag.replace("--", "--no-", 1)
        group.add_argument(negative, dest=setting.name, action="store_const", const="off", help=argparse.SUPPRESS)
