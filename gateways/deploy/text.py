"""What the files of all servers have in common: their first lines, and the words of which they are made."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateways.addresses import Address, parse_address
from gateways.deploy.description import SHARED, Deployment
from gateways.deploy.firstlines import first_lines
from gateways.deploy.overlaps import is_below
from gateways.errors import ConfigError

SPEECH = {
    "cgi": "CGI",
    "fastcgi": "FastCGI",
    "scgi": "SCGI",
    "uwsgi": "the uwsgi protocol",
    "ajp": "AJP13",
    "http": "HTTP",
}

#: What needs no quotes in any of the grammars. The description has refused double quotes, backslashes and controls.
_PLAIN = re.compile(r"[A-Za-z0-9_./:@,=~+!-]+")

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_FRONT = "10.0.0.10"
"""Stands for the address of the web server's machine, where the application is on another one."""


@dataclass(frozen=True)
class File:
    """A configuration file."""

    path: str
    """Where it is in ``conf/``, and below ``--output DIR``."""
    text: str
    mode: int = 0o644


def heading(
    deployment: Deployment, title: Sequence[str], install: Iterable[str], served: Iterable[str] | None = None
) -> list[str]:
    """Return the first lines, without the sign of a comment: what it is, the command that wrote it, what to do with it.

    ``install`` starts with "Copy to ..." and ends with the commands, each indented by two spaces. ``served`` says what
    has to run behind the server; by default that is ``gateways serve``, where the server does not start it.
    """
    lines = [*title, "", "Written by", f"  {deployment.command()}", *install]
    return [*lines, *(serving(deployment) if served is None else served)]


def comment(lines: Iterable[str], sign: str = "#") -> list[str]:
    """Return the lines as comments."""
    return [f"{sign} {line}".rstrip() for line in lines]


def joined(lines: Iterable[str]) -> str:
    """Return the text of a file."""
    return "\n".join(lines) + "\n"


def indented(lines: Iterable[str], by: str = "    ") -> list[str]:
    """Return the lines, those with text indented."""
    return [by + line if line else line for line in lines]


def literal(text: str) -> str:
    """Return a regular expression for a text, almost without backslashes: these are special in strings as well."""
    return "".join(f"[{char}]" if char in "$()*+.?[]{|}" else r"\^" if char == "^" else char for char in text)


def longest_first(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return URLs and directories so that the first that fits is the one that is meant."""
    return sorted(pairs, key=lambda pair: -len(pair[0]))


def in_order(deployment: Deployment) -> list[tuple[str, str]]:
    """Return the URLs of static files, with their directories, and that of the application, with none.

    The first that fits a path is the one that is meant: files below the application come before it, and an application
    that is below files before them.
    """
    return longest_first([*deployment.static, (deployment.mount, "")])


def files_inside(deployment: Deployment) -> list[str]:
    """Return the URLs of static files that are below that of the application."""
    return [url for url, _ in deployment.static if is_below(url, deployment.mount)]


def about_files(deployment: Deployment) -> str:
    """Say what static files are."""
    return "Files for everybody." if deployment.authorizer else "Files that need no application."


def word(deployment: Deployment, what: str, text: str, never: Mapping[str, str], quote: str = '"') -> str:
    """Return ``text`` as one word, in quotes where it needs them.

    ``never`` are characters that no quotes protect, each with the reason. Raises ``ConfigError`` for these.
    """
    for character, why in never.items():
        if character in text:
            raise refuse(deployment, what, text, character, why)
    return text if _PLAIN.fullmatch(text) else f"{quote}{text}{quote}"


def milliseconds(deployment: Deployment) -> str:
    """Return the timeout with its unit, for servers that know s and ms."""
    timeout = deployment.timeout
    return f"{round(timeout * 1000)}ms" if timeout % 1 else f"{int(timeout)}s"


def seconds(deployment: Deployment) -> int:
    """Return the timeout for servers that have whole seconds."""
    return max(1, round(deployment.timeout))


def script(deployment: Deployment, path: str, python: str) -> list[str]:
    """Say what is in the script that the web server starts, whose first line names a Python that has gateways."""
    function = "run_with_cgi" if deployment.transport == "cgi" else "run"
    lines = [
        *first_lines(python).splitlines(),
        f"from gateways import {function}",
        f"{function}({json.dumps(deployment.app, ensure_ascii=False)})",
    ]
    return [
        f"{path} has to be executable (chmod 755). It has these lines, the first with a Python that has gateways:",
        *indented(lines, "  "),
    ]


def where(deployment: Deployment) -> str:
    """Say where the application is mounted."""
    return f"mounted at {deployment.mount} beside other content" if deployment.mount else "at the root of a site"


def serving(deployment: Deployment, more: str = "", note: Sequence[str] = ()) -> list[str]:
    """Say which commands serve the application. ``more`` are flags that this server needs."""
    if deployment.spawned:
        return []
    address = deployment.address
    lines = ["The application is served by"]
    if _is_elsewhere(deployment):
        which = "each" if deployment.several else "that"
        lines = [f"On {which} machine the application is served by ({_FRONT} is the machine of {deployment.server})"]
        more = f"{f' --workers {deployment.workers}' if deployment.several else ''}{more} --allowed-clients {_FRONT}"
    if deployment.ping:
        more += f" --ping {deployment.ping}"
    if deployment.authorizer:
        lines = ["Authorizer and application are served by"]
    lines += indented(_directories(deployment), "  ")
    if deployment.authorizer:
        lines.append(f"  gateways serve auth:application {_listening('fastcgi', deployment.authorizer, deployment)}")
    flags = _listening(deployment.transport, deployment.addresses[0], deployment)
    if deployment.mount and (
        deployment.transport in ("http", "ajp") or deployment.server in ("caddy", "haproxy", "h2o")
    ):
        flags += f" --script-name {shlex.quote(deployment.mount)}"  # these do not say where it is mounted
    if deployment.multiplex:
        flags += f" --fcgi-multiplex {deployment.multiplex}"
    if deployment.transport == "http":
        # What the web server says of the client and of TLS is true: it sets these headers always.
        flags += f" --forwarded-allow-ips {_proxy(deployment, address)}"
    lines.append(f"  gateways serve {shlex.quote(deployment.app)} {flags}{more}")
    if note:
        return [*lines, *note]
    if not deployment.several:
        lines.append("(gateways conf systemd, or supervisor, writes what keeps that running.)")
    if address.kind == "tcp" and not _is_elsewhere(deployment) and deployment.server != "haproxy":
        lines.append("A Unix socket is better on one machine: any local user may connect to a TCP port.")
    return lines


def _directories(deployment: Deployment) -> list[str]:
    """Return commands that make the directories of Unix sockets, for who tries it by hand.

    Only where there is none: others, such as /var/lib or a home, must keep their owner and mode.
    """
    paths = [parse_address(text).path for text in (deployment.authorizer, *deployment.addresses) if text]
    directories = dict.fromkeys(path.rpartition("/")[0] for path in paths if path)
    return [
        f'[ -d {directory} ] || sudo install -d -o "$USER" -g {deployment.socket_group} -m 2755 {directory}'
        for directory in directories
        if directory not in ("", *SHARED)
    ]


def _is_elsewhere(deployment: Deployment) -> bool:
    """Say whether the application is on other machines than the web server."""
    addresses = [parse_address(text) for text in deployment.addresses]
    return deployment.several or (addresses[0].kind == "tcp" and addresses[0].host not in _LOOPBACK)


def _proxy(deployment: Deployment, address: Address) -> str:
    """Return the address that the web server's connections come from."""
    if _is_elsewhere(deployment):
        return _FRONT
    return {"unix": "unix"}.get(address.kind) or ("::1" if address.host == "::1" else "127.0.0.1")


def _listening(transport: str, address: str, deployment: Deployment) -> str:
    group = f" --socket-group {deployment.socket_group}" if parse_address(address).kind == "unix" else ""
    return f"--{transport} {address}{group}"


def refuse(deployment: Deployment, what: str, text: str, character: str, why: str) -> ConfigError:
    """Return the error for a value whose grammar has no way to write a character."""
    return ConfigError(f"{what} {text!r}: {deployment.server} cannot have {character!r} there ({why}); choose another")
