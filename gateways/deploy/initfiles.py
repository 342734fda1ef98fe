"""The files that ``gateways init`` writes: the script, ``.htaccess``, and a page to begin with."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gateways.deploy.initapplication import Found
from gateways.deploy.initmarks import mark_file
from gateways.deploy.registry import describe, generate
from gateways.errors import ConfigError

HELLO = '''\
"""A page to begin with: put your application in its place."""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"It works.\\n"]
'''

#: Bytes of a first line that every Linux reads (execve(2)); newer ones read 255.
_SAFE_LINE = 127


@dataclass(frozen=True)
class Site:
    """What is written: by CGI or FastCGI, for which application, with which Python, in which directory.

    ``name`` is that of the script, without its ending. ``plain`` is a directory that the web server has for scripts,
    such as cgi-bin, where no ``.htaccess`` is needed.
    """

    directory: str
    application: Found
    python: str
    cgi: bool = False
    name: str = "app"
    plain: bool = False

    @property
    def script(self) -> str:
        """The path of the script."""
        return os.path.join(self.directory, f"{self.name}.{'cgi' if self.cgi else 'fcgi'}")

    @property
    def htaccess(self) -> str:
        """The path of the ``.htaccess``."""
        return os.path.join(self.directory, ".htaccess")


def script_text(site: Site) -> str:
    """Return the script, marked."""
    function = "run_with_cgi" if site.cgi else "run"
    interface = ', interface="asgi"' if site.application.interface == "asgi" else ""
    lines = [f"from gateways import {function}", "", f"{function}({_quoted(site.application.spec)}{interface})", ""]
    if os.path.abspath(site.application.directory) != os.path.abspath(site.directory):
        lines[:2] = ["import sys", "", lines[0], "", f"sys.path.insert(0, {_quoted(site.application.directory)})"]
    first = first_lines(site.python)
    return mark_file("".join([first, "\n".join(lines)]), first.count("\n"))


def first_lines(python: str) -> str:
    """Return the line that has the kernel start ``python``, or those that have /bin/sh do it.

    That is needed where the path is too long for the kernel, or has a space, at which the kernel would end it. To
    Python the lines are a text that nobody uses. Raises ``ConfigError`` for a path that neither can have.
    """
    if "'" in python or "\\" in python or not python.isprintable():
        raise ConfigError(f"{python!r}: the path of the Python has characters that no first line can have; move it")
    if " " in python or "\t" in python or len(os.fsencode(python)) + 2 > _SAFE_LINE:
        return f"#!/bin/sh\n'''exec' '{python}' \"$0\" \"$@\"\n' '''\n"
    return f"#!{python}\n"


def htaccess_text(site: Site) -> str:
    """Return the lines of the ``.htaccess``: those of ``gateways conf htaccess``, with a heading of their own."""
    script = f"/{os.path.basename(site.script)}"
    deployment = describe("htaccess", "cgi" if site.cgi else "spawn", script=script)
    heading = f"""\
# Gives every URL that is not a file to {script[1:]}. Should Apache answer 500: gateways doctor, and this directory.

"""
    return heading + generate(deployment)[0].text.partition("\n\n")[2]


def hello_text() -> str:
    """Return the page to begin with, marked."""
    return mark_file(HELLO, 1)


def _quoted(text: str) -> str:
    if not text.isprintable() or '"' in text or "\\" in text:
        return repr(text)
    return f'"{text}"'
