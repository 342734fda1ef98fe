"""``gateways conf``: write the configuration of a web server or service manager from one description."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from gateways.commands.arguments import kind, reader_is_gone
from gateways.deploy.description import SIZE, TIME, TRANSPORTS, Deployment, read_mount, read_pair
from gateways.deploy.registry import SERVERS, describe, generate
from gateways.deploy.text import SPEECH, File
from gateways.errors import ConfigError
from gateways.values import Address, Number

EPILOG = """\
example:
  gateways conf nginx --fastcgi unix:/run/app.sock --server-name example.org --mount /app --static /static=/srv/static

exit status:
  0  the configuration is written
  1  a file cannot be written
  2  the command line cannot be used, or the server cannot do what it asks for
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the server, and a flag for each field of the description."""
    parser.usage = "gateways conf SERVER [--fastcgi ADDR | --spawn | --cgi] [--mount PATH] [--static URL=DIR] [flags]"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    servers = "\n".join(f"  {name:<12}{_abilities(name)}" for name in SERVERS)
    parser.epilog = f"servers, and what they can speak (the first one if nothing is given):\n{servers}\n\n{EPILOG}"
    parser.add_argument("server", metavar="SERVER", help="what to configure: see below")
    _add_application(parser)
    _add_site(parser)
    _add_others(parser)


def _abilities(name: str) -> str:
    row = SERVERS[name]
    text = ", ".join(row.transports)
    return f"{text}; variants: {', '.join(row.variants)}" if row.variants else text


def _add_application(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the application")
    for transport in TRANSPORTS:
        group.add_argument(
            f"--{transport}",
            metavar="ADDR",
            action="append",
            type=kind(Address()),
            help=f"it is served by {SPEECH[transport]} at this address; more than once: on several machines",
        )
    group.add_argument("--spawn", action="store_true", help="the web server starts it, and speaks FastCGI with it")
    group.add_argument("--cgi", action="store_true", help="the web server starts it for each request")
    group.add_argument("--app", metavar="APP", help="module:callable (default: app:application)")
    group.add_argument("--script", metavar="FILE", help="what --spawn and --cgi start (default: in ROOT/cgi-bin)")
    group.add_argument("--python", metavar="FILE", help="the Python that has gateways (default: ROOT/venv/bin/python)")
    group.add_argument("--workers", metavar="N", type=kind(Number(1, 1000)), help="processes (default: 4)")
    group.add_argument(
        "--user", metavar="NAME", help="its account (default: one with the name of --name; supervisor: www-data)"
    )
    group.add_argument("--group", metavar="NAME", help="the web server's group, which may use the socket")
    group.add_argument("--authorizer", metavar="ADDR", help="ask this FastCGI authorizer first")
    group.add_argument("--ping", metavar="PATH", help="the path for health checks: that of gateways serve --ping")
    group.add_argument(
        "--multiplex",
        metavar="N",
        type=kind(Number(2, 1000)),
        help="requests at a time on a FastCGI connection (haproxy)",
    )
    group.add_argument(
        "--ajp-secret", metavar="TEXT", help="what AJP13 asks for; everybody who reads the file knows it"
    )


def _add_site(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the site")
    group.add_argument("--server-name", metavar="HOST", help="its host name (default: example.org)")
    group.add_argument("--mount", metavar="PATH", help="the application is below this path, not the whole site")
    group.add_argument(
        "--root",
        metavar="DIR",
        help="the directory with public (the document root), cgi-bin and venv (default: /srv/example)",
    )
    group.add_argument(
        "--static", metavar="URL=DIR", action="append", help="files that need no application; more than once: several"
    )
    group.add_argument(
        "--private",
        metavar="URL=DIR",
        action="append",
        help="files that the application gives out, by X-Accel-Redirect or X-Sendfile",
    )
    group.add_argument("--tls", metavar=("CERTIFICATE", "KEY"), nargs=2, help="serve https, and send http there")
    group.add_argument(
        "--upload-limit", metavar="SIZE", type=kind(SIZE), help="largest request body, 0 for any (default: 100M)"
    )
    group.add_argument(
        "--timeout", metavar="TIME", type=kind(TIME), help="how long the application may be silent (default: 60s)"
    )
    group.add_argument("--unbuffered", action="store_true", help="pass on each response piece by piece")


def _add_others(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the files")
    group.add_argument("--name", help="what files, services and variables are called (default: example)")
    group.add_argument("--image", metavar="NAME", help="the container image of the application (kubernetes)")
    group.add_argument("--variant", metavar="NAME", help="another way to write it, where the server has several")
    group.add_argument(
        "--output", metavar="DIR", help="write below this directory, and print the names; default: print the text"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the configuration, or write it. Return the exit status."""
    files = files_of(arguments)
    if arguments.output is not None:
        return _save(files, Path(arguments.output))
    if len(files) > 1:
        names = ", ".join(file.path for file in files)
        raise ConfigError(f"{arguments.server} needs several files ({names}): give --output DIR")
    try:
        sys.stdout.buffer.write(files[0].text.encode())
        sys.stdout.buffer.flush()
    except OSError as error:
        reader_is_gone()
        if not isinstance(error, BrokenPipeError):
            print(f"gateways: error: cannot write the file: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def files_of(arguments: argparse.Namespace) -> list[File]:
    """Return the files that are asked for. Raises ``ConfigError``."""
    return generate(describe_arguments(arguments))


def describe_arguments(arguments: argparse.Namespace) -> Deployment:
    """Return the description that is given. Raises ``ConfigError``."""
    return describe(arguments.server, *_transport(arguments), **_values(arguments))


def _transport(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    given = [name for name in (*TRANSPORTS, "spawn", "cgi") if getattr(arguments, name)]
    if len(given) > 1:
        flags = " and ".join(f"--{name}" for name in given)
        raise ConfigError(f"{flags}: the web server speaks to the application in one way; give one of them")
    transport = given[0] if given else ""
    return transport, getattr(arguments, transport) if transport in TRANSPORTS else []


def _values(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of the description that are given: each has a flag of its name."""
    flags = {field.name: getattr(arguments, field.name, None) for field in fields(Deployment) if field.name != "server"}
    values = {name: value for name, value in flags.items() if value is not None}
    for name in {"static", "private"} & values.keys():
        values[name] = tuple(read_pair(f"--{name}", text) for text in values[name])
    if "mount" in values:
        values["mount"] = read_mount(values["mount"])
    if "tls" in values:
        values["tls"] = tuple(values["tls"])
    return values


def _save(files: list[File], directory: Path) -> int:
    for file in files:
        path = directory / file.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, encoding="utf-8")
            path.chmod(file.mode)
        except OSError as error:
            print(f"gateways: error: cannot write {path}: {error.strerror}", file=sys.stderr)
            return 1
        print(path)
    return 0
