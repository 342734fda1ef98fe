"""Configurations of HAProxy without a fault, and what is found in them after a change."""

from __future__ import annotations

from pathlib import Path

from tests.doctor.asked import findings

FASTCGI = """\
global
    tune.bufsize 65536
defaults
    mode http
    timeout client 60s
    timeout server 60s
frontend www
    bind :80
    default_backend app
backend app
    use-fcgi-app app
    server one 127.0.0.1:9000 proto fcgi
fcgi-app app
    docroot /srv
    path-info ^()(/.*)$
    pass-header Authorization
"""
HTTP = """\
defaults
    mode http
    option forwardfor
frontend www
    bind :80
    default_backend app
backend app
    server one 127.0.0.1:8000
"""


def changed(text: str, *changes: tuple[str, str]) -> str:
    """Replace pieces of a text, each of which has to be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def found(directory: Path, text: str) -> dict[str, str]:
    """The codes of what is found in a file, each with the line that it points to, without spaces at its ends."""
    lines = text.splitlines()
    result = {}
    for finding in findings(directory / "a.cfg", text):
        number = finding.where.rpartition(":")[2]
        result[finding.code] = lines[int(number) - 1].strip() if number.isdigit() else ""
    return result
