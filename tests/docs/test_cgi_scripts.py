"""howto/cgi-scripts: each recipe does what cgi.FieldStorage and its like did."""

from __future__ import annotations

import io
import sys
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from tests.docs.blocks import DOCS, blocks
from tests.support import requirements

PAGE = DOCS / "howto" / "cgi-scripts.md"
BOUNDARY = "----limit"
UPLOAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="title"\r\n\r\nTea\r\n'
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="../../.htaccess"\r\n'
    f"Content-Type: image/png\r\n\r\n\x89PNG\r\n--{BOUNDARY}--\r\n"
).encode("latin-1")
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
FORM = "application/x-www-form-urlencoded"


def recipe(name: str) -> dict[str, Any]:
    """Run the block that is this file, and return what it has defined."""
    (text,) = [block.text for block in blocks("python", path=PAGE) if block.file == name]
    names: dict[str, Any] = {}
    exec(compile(text, name, "exec"), names)
    return names


def ask(name: str, query: str = "", body: bytes = b"", content_type: str = "") -> tuple[str, str]:
    """Return the status and the page of a recipe's application."""
    environ: dict[str, Any] = {"QUERY_STRING": query, "wsgi.input": io.BytesIO(body)}
    setup_testing_defaults(environ)
    if content_type:
        environ.update(REQUEST_METHOD="POST", CONTENT_TYPE=content_type, CONTENT_LENGTH=str(len(body)))
    seen: list[str] = []
    result = recipe(name)["application"](environ, lambda status, headers, exc_info=None: seen.append(status))
    return seen[0], b"".join(result).decode()


def test_returning_instead_of_printing() -> None:
    assert ask("after.py", "you") == ("200 OK", "Hello, you\n")


def test_a_query_string() -> None:
    assert ask("query.py", "q=tea&tag=a&tag=b&empty=") == ("200 OK", "tea ['a', 'b']\n")


def test_a_form() -> None:
    assert ask("post.py", body=b"name=J%C3%B6rg&x=1", content_type=FORM) == ("200 OK", "Thank you, Jörg.\n")
    assert ask("post.py", body=b"x" * (1 << 21), content_type=FORM)[0] == "413 Content Too Large"


def test_an_upload() -> None:
    requirements.require_module("multipart")
    assert ask("upload.py", body=UPLOAD, content_type=MULTIPART) == ("200 OK", "Tea: 4 bytes\n")
    assert ask("upload.py", body=UPLOAD[:-20], content_type=MULTIPART)[0] == "400 Bad Request"


def test_werkzeug() -> None:
    requirements.require_module("werkzeug")
    assert ask("forms.py", "q=tea", UPLOAD, MULTIPART) == ("200 OK", "tea Tea 4\n")


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")
def test_the_old_module() -> None:
    if sys.version_info >= (3, 13):
        requirements.require_module("cgi")  # of the package legacy-cgi
    assert ask("legacy.py", "name=Ann") == ("200 OK", "Ann\n")
    assert ask("legacy.py", body=b"name=Ann", content_type=FORM) == ("200 OK", "Ann\n")


def test_the_parameters_of_a_header() -> None:
    parse_header = recipe("header.py")["parse_header"]
    assert parse_header('text/html; charset="utf-8"; q=1') == ("text/html", {"charset": "utf-8", "q": "1"})
    assert parse_header("text/html") == ("text/html", {})
