"""``gateways serve``: serve an application until a signal ends it."""

from __future__ import annotations

import argparse
import sys

from gateways.config import load_plan
from gateways.declared import Setting
from gateways.server.launch import launch
from gateways.settings import Settings

EPILOG = """\
Every flag is also an environment variable, and a key of the configuration file: --max-body-size 10M is
GATEWAYS_MAX_BODY_SIZE=10M and max_body_size = "10M". Flags win over variables, and those over the file. TIME is in
seconds or has a unit: 500ms, 30s, 2m, 1h. SIZE is in bytes or has a unit: 64k, 10M, 1G.

ADDR is unix:/path, host:port, [::1]:port, :port (loopback), @abstract-name, fd:N or systemd:NAME. Without an ADDR
it serves the sockets that a web server, spawn-fcgi or systemd started it with.

examples:
  gateways serve app:application --fastcgi unix:/run/app.sock --socket-group www-data
  gateways serve site/wsgi.py --fastcgi :9000 --scgi :4000 --threads 4
  gateways serve 'shop:create_app()' --fastcgi systemd:shop --no-access-log
  gateways serve app:application --http :8000
  gateways serve app --fastcgi unix:/run/app.sock --workers 8 --control /run/app.control
  gateways serve --config /etc/gateways.toml

exit status:
  0   stopped as asked, all requests in hand finished
  1   stopped with requests in hand, after --graceful-timeout
  2   a flag, a variable or a value cannot be used
  3   the application cannot be loaded
  4   an address cannot be listened on
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the application, and a flag for each setting in the group of its declaration."""
    parser.usage = "gateways serve [APP] [--config FILE] [--fastcgi ADDR] [--scgi ADDR] [--http ADDR] [flags]"
    parser.epilog = EPILOG
    parser.formatter_class = _Formatter
    parser.add_argument(
        "application",
        metavar="APP",
        nargs="?",
        help="module:attribute, path/to/file.py:attribute or module:factory(); without an attribute it is application, "
        "then app. Not needed with a configuration file that names it",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="The configuration file, with the settings as its keys, for one pool of workers or several. Default: "
        "GATEWAYS_CONFIG, or gateways.toml in the working directory if there is no APP.",
    )
    groups: dict[str, argparse._ArgumentGroup] = {}
    for setting in Settings.settings.values():
        if setting.group not in groups:
            groups[setting.group] = parser.add_argument_group(setting.group.lower())
        _add_flag(groups[setting.group], setting)


def run(arguments: argparse.Namespace) -> int:
    """Serve; return the exit code."""
    sys.path.insert(0, "")  # the working directory, as for python -m; also after --chdir
    flags = {name: value for name, value in vars(arguments).items() if name in Settings.settings and value is not None}
    plan = load_plan(arguments.config, arguments.application, flags)
    if plan.managed:
        from gateways.manager.launching import launch_plan

        return launch_plan(plan)
    (pool,) = plan.pools
    if pool.settings.status is None:
        return launch(pool.application, pool.settings, plan.notices)
    from gateways.manager.single import Single

    return launch(pool.application, pool.settings, plan.notices, Single)


def explain_flag(flag: str) -> str:
    """Say what a flag of uWSGI, gunicorn or php-fpm is called here."""
    from gateways.settings.othernames import explain_short

    text = explain_short(flag) or Settings.other_name(flag.lstrip("-"))
    return text.format_map({name: setting.flag for name, setting in Settings.settings.items()})


def _add_flag(group: argparse._ArgumentGroup, setting: Setting) -> None:
    kind = setting.kind
    text = setting.help
    if setting.default is not None and not kind.many:
        text += f" Default: {kind.show(setting.default)}."
    text = text.replace("%", "%%")
    if kind.switch:
        group.add_argument(setting.flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        return
    group.add_argument(setting.flag, metavar=kind.metavar, action="append" if kind.many else "store", help=text)
    if kind.off:
        negative = setting.flag.replace("--", "--no-", 1)
        help = f"The same as {setting.flag} off."
        group.add_argument(negative, dest=setting.name, action="store_const", const="off", help=help)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Leaves the epilog as it is, and the text of the flags a readable column."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)
