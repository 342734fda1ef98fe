"""What a script's text says."""

from __future__ import annotations

import pytest

from gateways.doctor import source


@pytest.mark.parametrize(
    ("text", "serves"),
    [
        ("from gateways import run\nrun('app')", True),
        ("from flup.server.fcgi import WSGIServer\nWSGIServer(app).run()", True),
        ("from wsgiref.handlers import CGIHandler\nCGIHandler().run(app)", True),
        ("print('Content-Type: text/plain')", True),
        ("import sys\nsys.stdout.write('x')", True),
        ("def application(environ, start_response):\n    return []", False),
        ("", False),
    ],
)
def test_whether_it_serves(text: str, serves: bool) -> None:
    tree = source.parse(text.encode())
    assert tree is not None
    assert source.serves(tree) == serves


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("def application(): pass", "application"),
        ("app = Flask(__name__)", "app"),
        ("from shop import app as application", "application"),
        ("class app: pass", "app"),
        ("import os", ""),
    ],
)
def test_the_name_of_the_application(text: str, name: str) -> None:
    tree = source.parse(text.encode())
    assert tree is not None
    assert source.application(tree) == name


def test_prints_that_run_at_import() -> None:
    text = "print(1)\nif True:\n    print(2)\nprint(3, file=x)\ndef f():\n    print(4)\n"
    tree = source.parse(text.encode())
    assert tree is not None
    assert list(source.prints(tree)) == [1, 3]


def test_the_print_of_a_line() -> None:
    tree = source.parse(b"print(x)\nprint('A: b')\nprint('S: 200\\nT: c')\nprint('D: ' + e)\n")
    assert tree is not None
    assert [source.prints_text(tree, line) for line in ("A: b", "T: c", "D: e")] == [2, 3, 0]


def test_what_this_python_cannot_read() -> None:
    assert source.parse(b"def (:") is None
    assert source.parse(b"\0") is None
