"""One application must see the same environ behind every web server: compare it with one table, variable by variable.

What is otherwise somewhere is in differences.py with its reason; a difference that no longer exists fails here too.
"""

from __future__ import annotations

import json
from typing import Any

from tests.live.differences import VARIABLES, applies, known
from tests.live.site import Site

TARGET = "/a%20b/caf%C3%A9?x=1&y=%2F"


def ask(site: Site) -> dict[str, Any]:
    """The environ of a POST request that has a bit of everything."""
    lines = [
        f"POST {site.mount}{TARGET} HTTP/1.1",
        f"Host: example.org:{site.port}",
        "User-Agent: a test",
        "Accept: text/plain, */*;q=0.5",
        "Cookie: a=1; b=2",
        "Authorization: Bearer token",
        "X-Test: caf\xe9",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Length: 5",
        "Connection: close",
        "",
        "hello",
    ]
    with site.connect() as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], answer
    if b"chunked" in head.lower():
        body = b"".join(body.split(b"\r\n")[1:-1:2])
    seen: dict[str, Any] = json.loads(body)
    return seen


def expected(site: Site) -> dict[str, Any]:
    """What PEP 3333 and RFC 3875 make of that request; None for what the server does not send."""
    persistent = site.deployment.persistent
    values = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": site.mount,
        "PATH_INFO": "/a b/caf\xc3\xa9",
        "QUERY_STRING": "x=1&y=%2F",
        "REQUEST_URI": f"{site.mount}{TARGET}",
        "CONTENT_TYPE": "text/plain; charset=utf-8",
        "CONTENT_LENGTH": "5",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": str(site.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_ADDR": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_SCHEME": "http",
        "HTTP_HOST": f"example.org:{site.port}",
        "HTTP_CONNECTION": "close",
        "HTTP_USER_AGENT": "a test",
        "HTTP_ACCEPT": "text/plain, */*;q=0.5",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_AUTHORIZATION": "Bearer token",
        "HTTP_X_TEST": "caf\xe9",
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
        "wsgi.multithread": persistent,
        "wsgi.multiprocess": not persistent or site.deployment.spawned,
        "wsgi.run_once": not persistent,
    }
    if site.deployment.transport == "http":
        values.update(ends(site))
    return {name: None if known(site.deployment, f"no {name}") else value for name, value in values.items()}


def ends(site: Site) -> dict[str, str | None]:
    """What HTTP does not tell: the connection is the one between the web server and the application."""
    # lighttpd 1.4.69 keeps no connections to a backend.
    connection = {"nginx": None, "apache": "Keep-Alive", "lighttpd": "close"}[site.deployment.family]
    of_connection = {"HTTP_CONNECTION": connection, "SERVER_ADDR": None}
    if site.address is None or site.address.startswith("/"):
        return {**of_connection, "REMOTE_ADDR": ""}  # a Unix socket; SERVER_PORT is that of Host
    return {**of_connection, "SERVER_ADDR": "127.0.0.1", "SERVER_PORT": site.address.rpartition(":")[2]}


OBJECTS = {"wsgi.version", "wsgi.input", "wsgi.errors", "wsgi.file_wrapper"}


def test_environ_is_the_same_everywhere(site: Site) -> None:
    seen = ask(site)
    environ = seen["environ"]
    assert {name: environ.get(name) for name in expected(site)} == expected(site)
    assert seen["types"]["wsgi.version"] == "tuple"
    assert set(environ) >= OBJECTS


def test_every_further_variable_is_documented(site: Site) -> None:
    further = set(ask(site)["environ"]) - set(expected(site)) - OBJECTS
    documented = {name for row in VARIABLES if applies(row, site.deployment) for name in row.names}
    assert further - documented == set(), "in the environ, and not in differences.py"
    assert documented - further == set(), "in differences.py, and not in the environ"


def test_all_values_are_text(site: Site) -> None:
    types = {name: kind for name, kind in ask(site)["types"].items() if not name.endswith(".posthooks")}
    assert {name: kind for name, kind in types.items() if not name.startswith("wsgi.") and kind != "str"} == {}
