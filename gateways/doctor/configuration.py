"""Examines a configuration file: of a web server, or gateways.toml. What it is, its content says."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from typing import Callable

from gateways.config import read_plan
from gateways.doctor.findings import ERROR, OK, WARNING, Finding, declare
from gateways.doctor.targets import Options
from gateways.errors import ConfigError
from gateways.server.preflight import inspect

READ = declare("configuration-read", OK, "The file was read, and nothing is wrong with it.")
SETTING = declare("setting-wrong", ERROR, "`gateways serve` does not start with this setting of gateways.toml.")
DOUBTFUL = declare("setting-doubtful", WARNING, "The setting of gateways.toml may keep `gateways serve` from starting.")

NGINX, APACHE, LIGHTTPD, CADDY, HAPROXY, H2O = "nginx", "apache", "lighttpd", "caddy", "haproxy", "h2o"
GATEWAYS = "gateways.toml"

#: The first that is found in a file decides, comments left out.
_MARKS = (
    (GATEWAYS, re.compile(r"^[ \t]*\[(gateways|pool\.[^\]]+)\][ \t]*$", re.MULTILINE)),
    (
        H2O,  # before those that programs in Ruby look like
        re.compile(
            r"""^hosts:(?=\s)|(?:^[ \t]*(?:-[ \t]+)*|[{,][ \t]*)["']?"""
            r"""(?:fastcgi\.(?:connect|spawn|document_root|timeout\.\w+)|proxy\.reverse\.url"""
            r"""|file\.(?:dir|file|custom-handler)|mruby\.handler(?:-file)?)["']?[ \t]*:(?=\s)""",
            re.MULTILINE,
        ),
    ),
    (
        CADDY,
        re.compile(
            r"^[ \t]*((reverse_proxy|php_fastcgi|file_server|handle_path|handle_errors|request_body)\b[^;\n]*"
            r"|(handle|route)([ \t][^;\n]*)?\{|(proxy|fastcgi)[ \t]+/[^;\n]*|root[ \t]+\*[^;\n]*"
            r"|(import|respond|redir|encode)[ \t][^;=\n]*)$",
            re.MULTILINE,
        ),
    ),
    (
        LIGHTTPD,
        re.compile(r"^[ \t]*[\w-]+\.[\w-]+[ \t]*[+:]?=(?![=~>])|\$(HTTP|SERVER|REQUEST_HEADER)[ \t]*\[", re.MULTILINE),
    ),
    (
        HAPROXY,
        re.compile(
            r"^((global|defaults)[ \t\r]*(#.*)?|(defaults|frontend|backend|fcgi-app)[ \t]+[^{;=\n]+"
            r"|listen[ \t]+[A-Za-z][^{;=\n]*)$",
            re.MULTILINE,
        ),
    ),
    (
        APACHE,
        re.compile(
            r"^[ \t]*(<(VirtualHost|Directory|DirectoryMatch|Location|LocationMatch|Proxy|IfModule|Files|FilesMatch"
            r"|Macro)\b"
            r"|(ProxyPass|ProxyPassMatch|ScriptAlias|ScriptAliasMatch|SetHandler|AddHandler|RewriteEngine|RewriteRule"
            r"|LoadModule|CGIPassAuth|Fcgid\w+|DocumentRoot)\s)",
            re.MULTILINE | re.IGNORECASE,
        ),
    ),
    (
        NGINX,
        re.compile(
            r"^[ \t]*(server|location|upstream|http|events|map)\b[^;{\n]*\{|\b\w+_(pass|param)[ \t][^;{}\n]{1,1000};",
            re.MULTILINE,
        ),
    ),
)
_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
#: The beginning of what ``gateways check-config`` says.
_PLACE = re.compile(r"(.+?), line ([0-9]+): ")
#: More than this of a file is not needed to tell what it is.
_BEGINNING = 1 << 20


def examine_configuration(what: str, options: Options) -> Iterator[Finding]:
    """Yield what is wrong with a configuration file.

    Without ``options.run`` it is only read: what it names need not be on this machine. Raises ``ConfigError`` for a
    file of a kind that is not known.
    """
    kind = kind_of(what)
    if kind == GATEWAYS:
        yield from _examine_plan(what)
        return
    examine: Callable[[str, Options], Iterator[Finding]]
    examine = importlib.import_module(f"gateways.doctor.{kind}").examine
    found = 0
    try:
        for finding in examine(what, options):
            found += 1
            yield finding
    except OSError as error:
        raise ConfigError(f"{error.filename or what!r}: {error.strerror}; run as a user who may read it") from None
    if not found:
        yield READ.found(what, f"nothing is wrong with this configuration of {kind}")


def kind_of(path: str) -> str:
    """Return whose configuration a file is. Raises ``ConfigError`` for one that is nobody's."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = _COMMENT.sub("", file.read(_BEGINNING))
    except OSError as error:
        raise ConfigError(f"{path!r}: {error.strerror}; run as a user who may read it") from None
    if os.path.basename(path).startswith("Caddyfile"):
        return CADDY
    for kind, mark in _MARKS:
        if mark.search(text):
            return kind
    raise ConfigError(
        f"{path!r} is not a file that doctor knows: it reads scripts, .htaccess, gateways.toml, and configurations of "
        "nginx, Apache, lighttpd, Caddy, HAProxy and h2o"
    )


def _examine_plan(path: str) -> Iterator[Finding]:
    problems: list[str] = []
    plan = read_plan(path, None, {}, os.environ, problems)
    notices = list(plan.notices) if plan is not None else []
    if plan is not None and not problems:
        for pool in plan.pools:
            for finding in inspect(pool.settings):
                given = finding.setting in pool.settings.given
                label = pool.settings.label(finding.setting) if given else f"pool {pool.name}: {finding.setting}"
                (problems if finding.fatal else notices).append(f"{label}: {finding.text}")
    for code, texts in ((SETTING, problems), (DOUBTFUL, notices)):
        for text in dict.fromkeys(texts):
            yield code.found(*_parts(path, text))
    if not problems and not notices:
        yield READ.found(path, "gateways serve can use it")


def _parts(path: str, text: str) -> tuple[str, str, str]:
    """Divide a message into where it is, what is wrong, and what to do, as far as it has them."""
    match = _PLACE.match(text)
    where = f"{match[1]}:{match[2]}" if match else path
    what, _, remedy = text[match.end() if match else 0 :].partition("; ")
    return where, what, remedy
