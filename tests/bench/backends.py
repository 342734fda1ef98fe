"""The servers that are measured: how each is started, and how nginx is told to reach it. All serve the same hello."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world\\n"]
"""

FLUP = """
import sys
from flup.server.fcgi import WSGIServer
from hello import application
WSGIServer(application, bindAddress=sys.argv[1], umask=0).run()
"""

_KEPT = "fastcgi_keep_conn on; include fastcgi_params; fastcgi_pass {upstream};"
_NEW = "include fastcgi_params; fastcgi_pass unix:{socket};"


@dataclass(frozen=True)
class Backend:
    """One server in one configuration.

    ``command`` starts it in the foreground with ``hello.py`` in its working directory and ``{socket}`` for the Unix
    socket it shall listen on; ``location`` is the nginx directive, with ``{upstream}`` an upstream that keeps
    connections.
    """

    name: str
    transport: str
    command: tuple[str, ...]
    location: str


def backends() -> list[Backend]:
    """All that can be measured here: peers that are not installed are left out, and said so by the caller."""
    python = sys.executable
    ours = (python, "-m", "gateways", "serve", "hello:application", "--no-access-log", "--socket-mode", "0666")
    found = [
        Backend("gateways, threads=1", "FastCGI, kept", (*ours, "--threads", "1", "--fastcgi", "unix:{socket}"), _KEPT),
        Backend("gateways, threads=8", "FastCGI, kept", (*ours, "--threads", "8", "--fastcgi", "unix:{socket}"), _KEPT),
        Backend("gateways, threads=1", "FastCGI, new", (*ours, "--threads", "1", "--fastcgi", "unix:{socket}"), _NEW),
        Backend(
            "gateways, threads=1",
            "SCGI",
            (*ours, "--threads", "1", "--scgi", "unix:{socket}"),
            "include scgi_params; scgi_pass unix:{socket};",
        ),
        Backend("flup", "FastCGI, kept", (python, "flup_hello.py", "{socket}"), _KEPT),
    ]
    uwsgi = shutil.which("uwsgi", path=f"{Path(python).parent}:/usr/bin:/usr/local/bin")
    if uwsgi:
        common = (uwsgi, "--master", "--die-on-term", "--disable-logging", "--chmod-socket=666", "--processes=1")
        common = (*common, "--wsgi-file", "hello.py")
        found += [
            Backend("uWSGI", "FastCGI, new", (*common, "--fastcgi-socket", "{socket}"), _NEW),
            Backend(
                "uWSGI",
                "uwsgi",
                (*common, "--uwsgi-socket", "{socket}"),
                "include uwsgi_params; uwsgi_pass unix:{socket};",
            ),
        ]
    return found
