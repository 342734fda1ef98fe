"""Writes settings.md and other-names.md of docs/reference/ from the declarations.

python -m tests.tools.settings_reference
"""

from __future__ import annotations

from itertools import groupby

from gateways.declared import Setting
from gateways.server.accesslog import FORMATS
from gateways.settings import Settings
from gateways.settings.othernames import PROGRAMS
from gateways.values import Kind, Many, Mode, Number, Pair, Size
from tests.support.source import CHECKOUT

REFERENCE = CHECKOUT / "docs" / "reference"
PAGE = REFERENCE / "settings.md"
OTHER_NAMES = REFERENCE / "other-names.md"

INTRODUCTION = """\
<!-- Written by tests/tools/settings_reference.py from gateways/settings/: change that. -->

# Settings

A setting can be given in four ways, which mean the same:

| | |
|---|---|
| flag of `gateways serve` | `gateways serve app --max-body-size 10M` |
| key of the [configuration file](configuration-file.md) | `max_body_size = "10M"` |
| environment variable | `GATEWAYS_MAX_BODY_SIZE=10M` |
| keyword of `serve()` and `run()` | `serve(application, max_body_size="10M")` |

Flags and keywords win over variables, variables over the file, and that over the defaults. The check is the same
everywhere: a value that cannot be used, or a name that is not known, ends the program with status 2 and one line that
names the place, the value and what is allowed.

- **Sizes** are bytes, or have a unit: `65536`, `64k`, `10M`, `1G` (powers of 1024). Python takes a number or the text.
- **Times** are seconds, or have a unit: `30`, `500ms`, `30s`, `2m`, `1h`. Python takes a number or the text.
- **Several values**: repeat the flag. In a variable, separate them by spaces and quote as in a shell:
  `GATEWAYS_ENVIRON='A=1 TITLE="My site"'`. In Python give a list or a tuple, for pairs also a dict. All values come
  from one place: flags replace what a variable says. But the pairs of `environ` and `env` come together, name by name.
- **Yes or no**: `--debug` and `--no-debug`. In a variable `yes`, `no`, `1`, `0`, `true`, `false`, `on`, `off`. In
  Python `True` and `False`.
- An empty variable counts as not set.
- A variable that begins with `GATEWAYS_` and is close to the name of a setting is taken for a slip, and refused. Any
  other is left alone, and `serve` names it in the error log.

`GATEWAYS_CONFIG` names the configuration file of `gateways serve`.

`GATEWAYS_PROTOCOL` is no setting: it says what is spoken on a socket that a web server or systemd handed over,
`fastcgi` (the default), `scgi`, `uwsgi`, `ajp`, `http` or `listen`.

`GATEWAYS_PURE=1` is none, either: the C part, which serves the usual request faster, is then left alone. `gateways
--version` says which is in use. Set while the package is installed, it keeps the C part from being built.

A CGI script that calls `run()` obeys `script_name`, `environ`, `env`, `chdir`, `python_path` and `debug`; the other
settings have no meaning there.
"""


ACCESS_LOG = """
## The format of the access log

A directive is `%` and a letter, as in Apache's `LogFormat`. What a client can choose is escaped: quotes, backslashes,
controls and bytes above 126 become `\\xhh`, and outside of quotes spaces, too. What is missing is `-`. A line is cut at
8 KiB, in a pipe at 4 KiB.

| directive | stands for |
|---|---|
| `%h`, `%a` | the client's address (REMOTE_ADDR) |
| `%l` | always `-` |
| `%u` | the user, where the web server has checked one (REMOTE_USER) |
| `%t` | when the request came: `[10/Oct/2026:13:55:36 +0200]` |
| `%r` | the request line: method, REQUEST_URI and protocol |
| `%s`, `%>s` | the status. 499: the client left before there was one |
| `%b`, `%B` | bytes of body that were sent; for none `-` with `%b`, 0 with `%B` |
| `%O` | bytes of headers and body that were sent, the headers counted as CGI has them |
| `%D`, `%T` | how long it took, in microseconds or whole seconds |
| `%m`, `%H` | the method; the protocol, such as `HTTP/1.1` |
| `%U`, `%q` | the path, decoded (SCRIPT_NAME and PATH_INFO); `?` and the query string, or nothing |
| `%v`, `%p` | SERVER_NAME; SERVER_PORT |
| `%P`, `%w` | the process id; the number of the worker, 0 without workers |
| `%n` | the number of the request in its process |
| `%M` | the resident memory of the process in KiB, looked at once a second; on Linux, else 0 |
| `%X` | `X`: the response did not reach its end; else `+` |
| `%{NAME}i`, `%{NAME}o` | the request header, the response header of that name |
| `%{NAME}e` | the variable of that name in the environ |
| `%%` | a percent sign |

`common` is `COMMON`.
`combined` is `COMBINED`.
"""


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    for group, settings in groupby(Settings.settings.values(), key=lambda setting: setting.group):
        parts.append(f"\n## {group}\n")
        parts += [_entry(setting) for setting in settings]
    parts.append(ACCESS_LOG.replace("COMMON", FORMATS["common"]).replace("COMBINED", FORMATS["combined"]))
    return "".join(parts)


def _entry(setting: Setting) -> str:
    kind = setting.kind
    negative = setting.flag.replace("--", "--no-", 1)
    flags = [setting.flag if kind.switch else f"{setting.flag} {kind.metavar}"]
    if kind.switch or kind.off:
        flags.append(negative)
    default = "none" if setting.default is None else kind.show(setting.default)
    return f"""
### {setting.name}

{setting.help.replace(" Can be given several times.", "")}

- {", ".join(f"`{flag}`" for flag in flags)}; `{setting.variable}`; `{_toml(setting)}`
- Allowed: {kind.allowed}.{" Several can be given." if kind.many else ""}
- Default: {default if default == "none" else f"`{default}`"}
"""


def _toml(setting: Setting) -> str:
    """Return how the setting is written in the configuration file."""
    return f"{setting.name} = {_toml_value(setting.kind)}"


def _toml_value(kind: Kind) -> str:
    if isinstance(kind, Many):
        return '{ NAME = "VALUE" }' if isinstance(kind.kind, Pair) else f"[{_toml_value(kind.kind)}, ...]"
    if kind.switch:
        return "true"
    bare = isinstance(kind, Number) and not isinstance(kind, (Mode, Size))
    return kind.metavar if bare else f'"{kind.metavar}"'


OTHER_INTRODUCTION = """\
<!-- Written by tests/tools/settings_reference.py from gateways/settings/othernames.py: change that. -->

# What others call it

The names of php-fpm, uWSGI and gunicorn, and what they are here. `gateways` recognises them in the configuration file,
as flags and as variables, and answers with this; dashes, dots and underscores are the same. A name that is not here and
that is no [setting](settings.md) has no counterpart.
"""


def other_names() -> str:
    """Return the page of other programs' names."""
    parts = [OTHER_INTRODUCTION]
    code = {name: f"`{name}`" for name in Settings.settings}
    for program, table in PROGRAMS.items():
        parts.append(f"\n## {program}\n\n| there | here |\n|---|---|\n")
        for answer, names in table.items():
            there = ", ".join(f"`{name}`" for name in names.split())
            parts.append(f"| {there} | {answer.format_map(code)} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    OTHER_NAMES.write_text(other_names(), encoding="utf-8")
