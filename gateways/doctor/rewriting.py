"""What is wrong with the rules of mod_rewrite in an ``.htaccess``: the loops above all."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence

from gateways.doctor.directives import Directive
from gateways.doctor.findings import ERROR, WARNING, Finding, declare

LOOP = declare(
    "htaccess-rewrite-loop",
    ERROR,
    "A rule matches what it has made itself, again and again, until Apache answers 500 after 10 redirects.",
)
OFF = declare(
    "htaccess-rewrite-off", ERROR, "There are rules, and no `RewriteEngine On`: Apache does not look at them."
)
SLASH = declare(
    "htaccess-rewrite-slash",
    ERROR,
    "In `.htaccess` a rule sees the path without the slash at its beginning: a pattern that wants one never matches.",
)
TARGET = declare(
    "htaccess-rewrite-target", ERROR, "A rule leads to a script that is not there: Apache answers 404 or 500."
)
APPENDED = declare(
    "htaccess-rewrite-path",
    WARNING,
    "A rule puts the path behind the script (`app.cgi/$1`). Apache decodes it on the way, so paths with %25 or %3F do "
    "not arrive; gateways takes it from REQUEST_URI.",
)

#: Apache's LimitInternalRecursion.
_LIMIT = 10


def examine(directives: Sequence[Directive], path: str) -> Iterator[Finding]:
    """Yield what is wrong with the rules of one file."""
    rules = [directive for directive in directives if directive.name == "rewriterule" and len(directive.args) > 1]
    engine = [directive for directive in directives if directive.name == "rewriteengine" and directive.args]
    if not rules:
        return
    if not engine:
        remedy = f"sed -i '{rules[0].line}i RewriteEngine On' {shlex.quote(path)}"
        yield OFF.found(rules[0].where, "there is no RewriteEngine On before the rules", remedy)
        return
    conditions, stopped = False, False
    for directive in directives:
        if directive.name == "rewritecond":
            conditions = True
        elif directive.name == "rewriterule" and len(directive.args) > 1:
            if not stopped:
                yield from _examine_rule(directive, conditions, path)
            stopped = stopped or (
                directive.args[1] == "-" and not conditions and _flags(directive) & {"L", "END"} != set()
            )
            conditions = False


def _examine_rule(rule: Directive, conditions: bool, path: str) -> Iterator[Finding]:
    pattern, target = rule.args[0], rule.args[1]
    file = shlex.quote(path)
    if re.match(r"\^/(?!\?)", pattern):
        remedy = rf"sed -i '{rule.line}s|\^/|^|' {file}"
        yield SLASH.found(rule.where, f"{pattern} never matches: there is no slash at the beginning here", remedy)
        return
    if target == "-" or re.match(r"\w+://", target) or _flags(rule) & {"R", "R=301", "R=302", "P", "PROXY"}:
        return
    script = re.match(r"/?([^$%?]*\.f?cgi)(.*)", target)
    directory = os.path.dirname(os.path.abspath(path))
    if script and not target.startswith("/") and not os.path.exists(os.path.join(directory, script[1])):
        present = sorted(name for name in os.listdir(directory) if name.endswith((".cgi", ".fcgi")))
        remedy = f"sed -i '{rule.line}s|{script[1]}|{present[0]}|' {file}" if present else f"upload {script[1]}"
        yield TARGET.found(rule.where, f"it leads to {script[1]}, which is not there", remedy)
    elif not conditions and "END" not in _flags(rule) and _loops(pattern, target):
        remedy = f"sed -i '{rule.line}i RewriteCond %{{REQUEST_FILENAME}} !-f' {file}"
        yield LOOP.found(rule.where, f"the rule matches what it makes of a path, {target}, again and again", remedy)
    elif script and script[2].startswith("/$"):
        remedy = rf"sed -i '{rule.line}s|{script[1]}/\$[0-9]|{script[1]}|' {file}"
        yield APPENDED.found(rule.where, "the path behind the script is decoded once too often", remedy)


def _loops(pattern: str, target: str) -> bool:
    """Say whether a rule never comes to rest. Python's expressions are near enough to Apache's, PCRE's."""
    negated = pattern.startswith("!")
    try:
        expression = re.compile(pattern.lstrip("!"))
    except re.error:
        return False
    path = "page"
    for _ in range(_LIMIT + 1):
        match = expression.search(path)
        if bool(match) == negated:
            return False
        made = _made(target, match.groups("") if match else ())
        if made == path:
            return False
        path = made
    return True


def _made(target: str, groups: tuple[str, ...]) -> str:
    return re.sub(r"\$(\d)", lambda number: ("", *groups, *[""] * 9)[int(number[1])], target).lstrip("/")


def _flags(rule: Directive) -> set[str]:
    text = rule.args[2] if len(rule.args) > 2 else ""
    return {flag.strip().upper() for flag in text.strip("[]").split(",")}
