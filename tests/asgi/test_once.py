"""ASGI in a CGI script: a process for one request."""

from __future__ import annotations

import pytest

from tests.support import cgi

SCRIPT = """\
import sys
sys.path.insert(0, {root!r})
from gateways import run_with_cgi
from tests.support.asgi_app import Application
application = Application({startup!r})
run_with_cgi({application}, interface={interface!r})
print(application.events, file=sys.stderr)
"""


def script(tmp_path, application="application", startup="complete", interface="asgi"):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(application=application, startup=startup, interface=interface, root=str(cgi.ROOT)))
    return path


@pytest.mark.parametrize("application", ["application", "'tests.support.asgi_app:application'"])
def test_a_request(tmp_path, application):
    answer = cgi.run(script(tmp_path, application), {"PATH_INFO": "/hello"})
    assert (answer.status[:3], answer.body, answer.code) == ("200", b"hello", 0)
    if application == "application":
        assert "['startup', 'shutdown']" in answer.log


def test_a_failing_startup_is_answered(tmp_path):
    answer = cgi.run(script(tmp_path, startup="failed"), {"PATH_INFO": "/hello"})
    assert answer.status[:3] == "500"
    assert "no such database" in answer.log


def test_an_asgi_application_without_the_word(tmp_path):
    answer = cgi.run(script(tmp_path, interface="wsgi"), {"PATH_INFO": "/hello"})
    assert (answer.status[:3], answer.code) == ("500", 2)
    assert 'in a program with interface="asgi"' in answer.log
