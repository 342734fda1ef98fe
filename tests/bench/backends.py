"""The servers that are measured: how each is started, and how nginx is told to reach it.

All serve the same 13 bytes, from a bare WSGI application or from Flask where the row says so.
"""

from __future__ import annotations

import importlib.util
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

FLASK = """
from flask import Flask
application = Flask(__name__)

@application.route("/<path:path>")
def hello(path):
    return "Hello, world\\n", 200, {"Content-Type": "text/plain"}
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
    flask = importlib.util.find_spec("flask") is not None

    def ours(name: str, transport: str, location: str, *options: str, application: str = "hello") -> Backend:
        option = "--scgi" if transport == "SCGI" else "--fastcgi"
        command = (python, "-m", "gateways", "serve", f"{application}:application", "--socket-mode", "0666")
        return Backend(f"gateways, {name}", transport, (*command, option, "unix:{socket}", *options), location)

    quiet = ("--no-access-log", "--threads")
    found = [
        ours("threads=1", "FastCGI, kept", _KEPT, *quiet, "1"),
        ours("threads=8", "FastCGI, kept", _KEPT, *quiet, "8"),
        ours("threads=8, access log", "FastCGI, kept", _KEPT, "--access-log", "access.log"),
        ours("threads=1", "FastCGI, new", _NEW, *quiet, "1"),
        ours("threads=1", "SCGI", "include scgi_params; scgi_pass unix:{socket};", *quiet, "1"),
        Backend("flup", "FastCGI, kept", (python, "flup_hello.py", "{socket}"), _KEPT),
    ]
    if flask:
        found.append(ours("threads=1, Flask", "FastCGI, kept", _KEPT, *quiet, "1", application="flask_hello"))
    uwsgi = shutil.which("uwsgi", path=f"{Path(python).parent}:/usr/bin:/usr/local/bin")
    if uwsgi:
        common = (
            *(uwsgi, "--master", "--processes=1", "--home", sys.prefix, "--die-on-term", "--disable-logging"),
            *("--chmod-socket=666", "--wsgi-file"),
        )
        location = "include uwsgi_params; uwsgi_pass unix:{socket};"
        found += [
            Backend("uWSGI", "FastCGI, new", (*common, "hello.py", "--fastcgi-socket", "{socket}"), _NEW),
            Backend("uWSGI", "uwsgi", (*common, "hello.py", "--uwsgi-socket", "{socket}"), location),
        ]
        if flask:
            with_flask = (*common, "flask_hello.py", "--uwsgi-socket", "{socket}")
            found.append(Backend("uWSGI, Flask", "uwsgi", with_flask, location))
    return found
