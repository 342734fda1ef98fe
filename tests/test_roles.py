"""The authorizer decorator: what each answer of the function means, and what can be none."""

from __future__ import annotations

import base64
from typing import Any, cast

import pytest

from gateways import authorizer
from gateways.core.handler import handle
from gateways.core.input import Errors
from gateways.roles import Verdict, credentials
from tests.core.recording import Recorder

CHALLENGE = ("WWW-Authenticate", 'Basic realm="Example"')


def ask(verdict: object, method: str = "GET") -> tuple[str, dict[str, str], bytes, str]:
    """Return the status, the headers and the body of what the web server gets for a verdict, and the error log."""

    @authorizer
    def application(environ: dict[str, Any]) -> Verdict:
        return cast("Verdict", verdict)

    log: list[bytes] = []
    transport = Recorder()
    handle(application, {"REQUEST_METHOD": method}, transport, Errors(log.append))
    return transport.status, dict(transport.headers), transport.body, b"".join(log).decode()


def test_true_lets_pass() -> None:
    assert ask(True)[:3] == ("200 OK", {"Content-Length": "0"}, b"")


def test_a_mapping_lets_pass_and_sets_variables() -> None:
    status, headers, body, _ = ask({"REMOTE_USER": "j\xfcrgen", "_x9": ""})
    assert (status, body) == ("200 OK", b"")
    assert headers == {"Variable-REMOTE_USER": "j\xfcrgen", "Variable-_x9": "", "Content-Length": "0"}
    assert ask({})[0] == "200 OK"


def test_false_is_a_403() -> None:
    status, headers, body, log = ask(False)
    assert (status, log) == ("403 Forbidden", "")
    assert headers["Cache-Control"] == "no-store"
    assert b"403 Forbidden" in body


def test_a_response_is_sent_to_the_client() -> None:
    assert ask(("401 Unauthorized", [CHALLENGE], b"who?"))[:3] == (
        "401 Unauthorized",
        dict([CHALLENGE, ("Content-Length", "4")]),
        b"who?",
    )
    status, headers, body, _ = ask(("302 Found", [("Location", "/login"), ("cache-control", "private")]))
    assert (status, headers["Location"], headers["cache-control"]) == ("302 Found", "/login", "private")
    assert "Cache-Control" not in headers
    assert body.startswith(b"302 Found")


def test_head_has_no_body() -> None:
    assert ask(False, "HEAD")[2] == b""


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        pytest.param(None, "returns True, False", id="none"),
        pytest.param(1, "not int", id="number"),
        pytest.param("alice", "not str", id="text"),
        pytest.param((), "not tuple", id="empty-tuple"),
        pytest.param(("200 OK", []), "True lets pass", id="200"),
        pytest.param(("204 No Content", []), "True lets pass", id="204"),
        pytest.param(("401", []), "status must be like", id="status"),
        pytest.param(("403 Forbidden", None), "TypeError", id="no-headers"),
        pytest.param(("403 Forbidden", [], "text"), "must be bytes", id="text-body"),
        pytest.param({"REMOTE-USER": "x"}, "letters, digits and underscores", id="dash"),
        pytest.param({"": "x"}, "letters, digits and underscores", id="no-name"),
        pytest.param({"1A": "x"}, "letters, digits and underscores", id="digit-first"),
        pytest.param({"A\r\nStatus: 200": "x"}, "letters, digits and underscores", id="name-with-line"),
        pytest.param({"\xc4": "x"}, "letters, digits and underscores", id="umlaut"),
        pytest.param({b"A": "x"}, "of type str", id="bytes-name"),
        pytest.param({"A": b"x"}, "of type str", id="bytes-value"),
        pytest.param({"A": "x\r\nVariable-ROOT: 1"}, "holds a control", id="value-with-line"),
        pytest.param({"A": "\u20ac"}, "outside latin-1", id="value-outside-latin-1"),
    ],
)
def test_F61_anything_else_lets_nobody_pass(verdict: object, reason: str) -> None:
    status, headers, _, log = ask(verdict)
    assert status == "500 Internal Server Error"
    assert reason in log
    assert not any(name.startswith("Variable-") for name in headers)


def test_the_function_keeps_its_name() -> None:
    def check(environ: dict[str, Any]) -> Verdict:
        """Say who may."""
        return True

    assert (authorizer(check).__name__, authorizer(check).__doc__) == ("check", "Say who may.")


def basic(text: bytes, scheme: str = "Basic") -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"{scheme} {base64.b64encode(text).decode()}"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        (basic(b"alice:a:b"), ("alice", "a:b")),
        (basic(b"alice:", "BASIC"), ("alice", "")),
        (basic("\xfc:\u20ac".encode()), ("\xc3\xbc", "\xe2\x82\xac")),
        (basic(b"no colon"), None),
        (basic(b"a:b", "Bearer"), None),
        ({"HTTP_AUTHORIZATION": "Basic"}, None),
        ({"HTTP_AUTHORIZATION": "Basic \xff\xff"}, None),
        ({"HTTP_AUTHORIZATION": "Basic YWxpY2U6"[:-1]}, None),
        ({"REMOTE_USER": "alice", "REMOTE_PASSWD": "secret"}, ("alice", "secret")),
        ({"REMOTE_USER": "alice"}, None),
    ],
)
def test_credentials(environ: dict[str, str], expected: tuple[str, str] | None) -> None:
    assert credentials(environ) == expected
