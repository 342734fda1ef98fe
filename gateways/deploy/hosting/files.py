"""The files that ``gateways init`` writes: the script, ``.htaccess``, and a page to begin with."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gateways.deploy.firstlines import first_lines
from gateways.deploy.hosting.applications import Found, is_for_scripts
from gateways.deploy.hosting.marks import mark_file
from gateways.deploy.registry import describe, generate

HELLO = '''\
"""A page to begin with: put your application in its place."""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"It works.\\n"]
'''


@dataclass(frozen=True)
class Site:
    """What is written: by CGI or FastCGI, for which application, with which Python, in which directory.

    ``name`` is that of the script, without its ending.
    """

    directory: str
    application: Found
    python: str
    cgi: bool = False
    name: str = "app"

    @property
    def plain(self) -> bool:
        """Whether the web server takes every file of the directory for a script, and no ``.htaccess`` is needed."""
        return is_for_scripts(self.directory)

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
