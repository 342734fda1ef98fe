from __future__ import annotations

import signal
import socket

import pytest

from gateways.compat import flipflop
from gateways.errors import ConfigError
from tests.support.compat import answers, hello, script
from tests.support.serving import until

CODE = """
from gateways.compat.flipflop import install
install()
from flipflop import FCGI_RESPONDER, WSGIServer

assert WSGIServer.__module__ == "gateways.compat.flipflop"

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["hello"]

print("returned", WSGIServer(application).run(), flush=True)
"""


@pytest.mark.parametrize(("number", "value"), [(signal.SIGHUP, True), (signal.SIGTERM, False)])
def test_it_serves_what_a_web_server_passes(tmp_path, number, value):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "web"))
        listening.listen(64)
        with script(tmp_path, CODE, stdin=listening) as program:
            until(lambda: answers("fastcgi", f"unix:{tmp_path}/web"), program.log)
            program.process.send_signal(number)
            assert program.wait() == 0
            assert f"returned {value}" in program.log


def test_it_has_no_cgi(monkeypatch):
    with pytest.raises(ConfigError, match=r"standard input .*: flipflop serves FastCGI on the listening socket"):
        flipflop.WSGIServer(hello).run()


def test_names():
    assert flipflop.FCGI_RESPONDER == 1
    flipflop.install()
    try:
        import flipflop as imported
    finally:
        flipflop.uninstall()
    assert imported is flipflop
