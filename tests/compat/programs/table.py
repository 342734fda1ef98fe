"""The programs that import flup and are run on its names, unmodified: how each is set up, started and asked.

Nothing of a program is changed: a ``gateways-flup.pth`` calls ``install()`` before it, as docs/howto/from-flup.md says.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

PTH = "import gateways.compat.flup; gateways.compat.flup.install()\n"


class Program(NamedTuple):
    """A program, by one protocol.

    ``needs`` are modules, the first of which has the version; ``make`` sets it up in a directory; ``start`` are the
    arguments for Python. ``{socket}`` and ``{port}`` in them are where it is to listen. ``asks`` are targets and what
    is in their answers. ``spawned``: it serves the socket on descriptor 0. ``ends`` are a signal's number and the exit
    code after it. ``ready`` are a file and what is in its last lines when the program is more than reachable.
    """

    name: str
    protocol: str
    needs: Sequence[str]
    make: Callable[[Path], None]
    start: Sequence[str]
    asks: Sequence[tuple[str, bytes]]
    spawned: bool = False
    tcp: bool = False
    ends: Sequence[tuple[str, int]] = (("SIGTERM", 0),)
    ready: tuple[str, str] | None = None

    @property
    def label(self) -> str:
        return f"{self.name} {self.protocol}{' spawned' if self.spawned else ''}"


def writes(**files: str) -> Callable[[Path], None]:
    """Return what writes these files, whose names end in .py."""

    def make(directory: Path) -> None:
        for name, text in files.items():
            (directory / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")

    return make


def console(name: str) -> list[str]:
    """Return the arguments that run a program which pip has put beside Python."""
    return [str(Path(sys.executable).with_name(name))]


def run(directory: Path, *command: str) -> None:
    subprocess.run([sys.executable, *command], cwd=directory, check=True, capture_output=True, timeout=100)


WEBPY = """
    import web

    urls = ("/(.*)", "Page")

    class Page:
        def GET(self, name):
            return "Hello, " + name

        def POST(self, name):
            return web.data()

    if __name__ == "__main__":
        web.application(urls, globals()).run()
"""

BOTTLE = """
    import sys
    from bottle import request, route, run

    @route("/hello/<name>")
    def hello(name):
        return "Hello, " + name

    @route("/echo", method="POST")
    def echo():
        return request.body.read()

    run(server="flup", bindAddress=sys.argv[1] if len(sys.argv) > 1 else None, quiet=True)
"""

CHERRYPY = """
    import cherrypy

    class Root:
        @cherrypy.expose
        def index(self):
            return "Hello from CherryPy"

        @cherrypy.expose
        def default(self, name):
            return "Hello, " + name

    cherrypy.tree.mount(Root())
"""

CHERRYPY_CGI = """
    import cherrypy
    import cherryapp
    from cherrypy.process import servers

    cherrypy.config.update({"log.screen": False, "engine.autoreload.on": False})
    cherrypy.server.unsubscribe()
    cherrypy.engine.start()
    server = servers.FlupCGIServer(cherrypy.tree)
    server.start()
    cherrypy.engine.exit()
"""


def make_cherrypy(directory: Path) -> None:
    writes(cherryapp=CHERRYPY, cherrycgi=CHERRYPY_CGI)(directory)
    config = '[global]\nserver.socket_file: "socket"\nlog.screen: False\nlog.error_file: "error.log"\n'
    (directory / "cherry.conf").write_text(config, encoding="utf-8")


#: A signal that comes while it starts has it end with status 70.
_STARTED = ("error.log", "Bus STARTED")


TRAC = """
    import os

    os.environ.update(TRAC_ENV="env", TRAC_USE_FLUP="1")
    from trac.web.fcgi_frontend import run

    run()
"""


def make_trac(directory: Path) -> None:
    run(directory, *console("trac-admin"), "env", "initenv", "Demo", "sqlite:db/trac.db")
    writes(tracfcgi=TRAC)(directory)


ROUNDUP = """
    import sys
    from flup.server.{module} import WSGIServer
    from roundup.cgi.wsgi_handler import RequestDispatcher

    ret = WSGIServer(RequestDispatcher("tracker"){more}).run()
    sys.exit(ret and 42 or 0)
"""


def make_roundup(directory: Path) -> None:
    settings = "tracker_web=http://localhost/,mail_domain=localhost,mail_host=localhost"
    run(directory, *console("roundup-admin"), "-i", "tracker", "install", "classic", "anydbm", settings)
    run(directory, *console("roundup-admin"), "-i", "tracker", "initialise", "secret")
    more = ', bindAddress=("127.0.0.1", int(sys.argv[1])), scriptName="/roundup"'
    scgi = ROUNDUP.format(module="scgi", more=more)
    writes(roundupscgi=scgi, roundupcgi=ROUNDUP.format(module="cgi", more=""))(directory)


HGWEB = """
    from mercurial import demandimport
    demandimport.enable()
    from mercurial.hgweb import hgweb
    from flup.server.fcgi import WSGIServer

    WSGIServer(hgweb(b"repository", b"the repository")).run()
"""


def make_hg(directory: Path) -> None:
    hg = console("hg")
    run(directory, *hg, "init", "repository")
    (directory / "repository" / "file.txt").write_text("content\n", encoding="utf-8")
    run(directory, *hg, "-R", "repository", "commit", "-A", "-u", "me", "-m", "the first change")
    writes(hgweb=HGWEB)(directory)


_HELLO = [("/Ann", b"Hello, Ann"), ("/a%20b", b"Hello, a b")]
_TRAC = [("/wiki", b"Welcome to Trac"), ("/wiki/TracGuide", b"TracGuide"), ("/roadmap", b"milestone1")]
_TRACD = ("--hostname", "127.0.0.1", "--port", "{port}", "--single-env")
_HUP = (("SIGHUP", 42), ("SIGTERM", 0))
_BOTTLE = [("/hello/Ann", b"Hello, Ann"), ("/hello/a%20b", b"Hello, a b")]
_CHERRY = [("/", b"Hello from CherryPy"), ("/Ann", b"Hello, Ann")]
_PKG = ("trac", "pkg_resources", "flup")
_ROUNDUP = [("/roundup/", b"List of issues"), ("/roundup/issue?@template=index", b"List of issues")]
_HG = [("/", b"the first change"), ("/file/tip/file.txt", b"content"), ("/raw-file/tip/file.txt", b"content\n")]

PROGRAMS = [
    Program("web.py", "fastcgi", ("web",), writes(app=WEBPY), ["app.py", "fastcgi", "{socket}"], _HELLO),
    Program("web.py", "scgi", ("web",), writes(app=WEBPY), ["app.py", "scgi", "{socket}"], _HELLO),
    Program("web.py", "cgi", ("web",), writes(app=WEBPY), ["app.py"], _HELLO),
    Program("Bottle", "fastcgi", ("bottle",), writes(app=BOTTLE), ["app.py", "{socket}"], _BOTTLE),
    Program("Bottle", "fastcgi", ("bottle",), writes(app=BOTTLE), ["app.py"], _BOTTLE, spawned=True),
    Program(
        *("CherryPy", "fastcgi", ("cherrypy",), make_cherrypy),
        *([*console("cherryd"), "-f", "-c", "cherry.conf", "-P", ".", "-i", "cherryapp"], _CHERRY),
        ready=_STARTED,
    ),
    Program(
        *("CherryPy", "scgi", ("cherrypy",), make_cherrypy),
        *([*console("cherryd"), "-s", "-c", "cherry.conf", "-P", ".", "-i", "cherryapp"], _CHERRY),
        ready=_STARTED,
    ),
    Program("CherryPy", "cgi", ("cherrypy",), make_cherrypy, ["cherrycgi.py"], _CHERRY),
    *[
        Program(
            *("Trac", protocol, _PKG, make_trac),
            *([*console("tracd"), "--protocol", module, *_TRACD, "env"], _TRAC),
            tcp=True,
            ends=_HUP[:1] if protocol == "ajp" else _HUP[1:],
        )
        for protocol, module in (("scgi", "scgi"), ("ajp", "ajp"), ("fastcgi", "fcgi"))
    ],
    Program("Trac", "fastcgi", _PKG, make_trac, ["tracfcgi.py"], _TRAC, spawned=True),
    Program(
        *("Roundup", "scgi", ("roundup",), make_roundup, ["roundupscgi.py", "{port}"], _ROUNDUP),
        tcp=True,
        ends=_HUP[:1],
    ),
    Program("Roundup", "cgi", ("roundup",), make_roundup, ["roundupcgi.py"], [("/", b"List of issues")]),
    Program("Mercurial hgweb", "fastcgi", ("mercurial",), make_hg, ["hgweb.py"], _HG, spawned=True),
]
