from __future__ import annotations

import os
import subprocess
import sys

from tests.support.compat import ROOT

CODE = """
import gateways.compat.flup
gateways.compat.flup.install()
from flup.server.cgi import WSGIServer

def application(environ, start_response):
    start_response(b"200 OK", [("Content-Type", "text/plain")])
    return ["\\xe4", environ["wsgi.input"].read()]

assert WSGIServer(application).run() is None
print("for the log")
"""


def test_a_request():
    environ = {**os.environ, "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "3", "PATH_INFO": "/"}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, input=b"\xff\0\xfe", capture_output=True, env=environ, cwd=ROOT, check=True)
    assert done.stdout.endswith(b"\r\n\r\n\xe4\xff\0\xfe")
    assert done.stderr == b"for the log\n"
