"""The FastCGI servers in a CGI script."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.compat import ROOT

CODE = """
import gateways.compat.flup
gateways.compat.flup.install()
from flup.server.{module} import WSGIServer

def application(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("no")
    start_response(b"200 OK", [(b"Content-Type", "text/plain")])
    facts = [environ[name] for name in ("X", "PATH_INFO", "wsgi.run_once", "wsgi.multiprocess", "wsgi.multithread")]
    return [repr(facts), environ["wsgi.input"].read()]

class Mine(WSGIServer):
    def error(self, req):
        assert type(req).__name__ == "CGIRequest"
        req.stdout.write(b"Status: 503 Mine\\r\\nContent-Type: text/plain\\r\\n\\r\\nsorry")

server = ({kind})(application, environ={{"X": "1"}}{more})
server.run()
print("not reached")
"""


def run(kind="WSGIServer", module="fcgi", more="", path="/p", **env):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FCGI_")}
    environ.update(PYTHONPATH=str(ROOT), REQUEST_METHOD="POST", CONTENT_LENGTH="4", PATH_INFO=path, SCRIPT_NAME="")
    command = [sys.executable, "-c", CODE.format(kind=kind, module=module, more=more)]
    return subprocess.run(command, input=b"body", capture_output=True, env={**environ, **env}, check=False)


@pytest.mark.parametrize("module", ["fcgi", "fcgi_fork", "fcgi_single"])
def test_where_there_is_no_socket_it_is_cgi(module):
    done = run(module=module)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert done.returncode == 0, done.stderr
    assert b"text/plain" in head
    assert body == b"['1', '/p', True, True, False]body"


@pytest.mark.parametrize(("more", "env"), [(", forceCGI=True", {}), ("", {"FCGI_FORCE_CGI": "y"})])
def test_where_it_is_forced(more, env):
    assert run(more=more, **env).stdout.endswith(b"body")


def test_error_of_the_program():
    done = run("Mine", path="/fail")
    assert b"Status: 503 Mine\r\n" in done.stdout
    assert done.stdout.endswith(b"sorry")
    assert b"ValueError: no" in done.stderr


def test_the_usual_error():
    done = run(path="/fail")
    assert b"Status: 500 " in done.stdout
    assert b"ValueError" not in done.stdout
    assert b"ValueError" in run(path="/fail", more=", debug=True").stdout


def test_no_engine_is_imported_for_it():
    code = "import sys; import gateways.compat.flup.server.fcgi, gateways.compat.script; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"gateways.server.worker", "gateways.settings", "gateways.manager.master", "logging"}
