"""HAProxy in front of HTTP: the PROXY protocol in both versions, before TLS too, and X-Forwarded-For."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.sandbox import free_port
from tests.live.servers import Process
from tests.support import requirements, tls
from tests.support.serving import until
from tests.support.simple import Simple, simple

pytestmark = pytest.mark.live

CONFIGURATION = """
defaults
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    timeout check 60s

frontend one
    mode tcp
    bind 127.0.0.1:{one}
    default_backend one
backend one
    mode tcp
    server a 127.0.0.1:{plain} send-proxy

frontend two
    mode tcp
    bind 127.0.0.1:{two}
    default_backend two
backend two
    mode tcp
    server a 127.0.0.1:{plain} send-proxy-v2 proxy-v2-options unique-id,crc32c

frontend encrypted
    mode http
    bind 127.0.0.1:{encrypted}
    default_backend encrypted
backend encrypted
    mode http
    server a 127.0.0.1:{tls} ssl verify none send-proxy-v2

frontend forwarding
    mode http
    bind 127.0.0.1:{forwarding}
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    default_backend forwarding
backend forwarding
    mode http
    server a 127.0.0.1:{http}

frontend checked
    mode tcp
    bind 127.0.0.1:{checked}
    default_backend checked
backend checked
    mode tcp
    option httpchk GET /check
    server a 127.0.0.1:{plain} send-proxy-v2 check check-send-proxy inter 1s fall 1000
"""


def dump(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({name: value for name, value in environ.items() if isinstance(value, str)}).encode()]


class Proxy:
    """A running HAProxy, its ports by the names of its frontends, and the servers behind it."""

    def __init__(self, ports: dict[str, int], plain: Simple) -> None:
        self.ports = ports
        self.plain = plain

    def ask(self, frontend: str, source: str = "127.0.0.7", **headers: str) -> dict[str, str]:
        """Return the environ of a request from ``source``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[frontend], 45, source_address=(source, 0))
        with contextlib.closing(connection):
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request("POST", "/path?query", body=b"body", headers=fields)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            found: dict[str, str] = json.loads(answer.read())
            return found


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    program = requirements.require_program("haproxy")
    directory: Path = tmp_path_factory.mktemp("haproxy")
    trusting = {"forwarded_allow_ips": ["127.0.0.1"], "threads": 4}
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(simple(dump, proxy_protocol=True, **trusting))
        secure = stack.enter_context(
            simple(dump, proxy_protocol=True, certfile=tls.CERTIFICATE, keyfile=tls.KEY, **trusting)
        )
        http = stack.enter_context(simple(dump, **trusting))
        ports = {name: free_port() for name in ("one", "two", "encrypted", "forwarding", "checked")}
        behind = {"plain": plain, "tls": secure, "http": http}
        numbers = {**ports, **{name: server.server.server_port for name, server in behind.items()}}
        configuration = directory / "haproxy.cfg"
        configuration.write_text(CONFIGURATION.format(**numbers), encoding="ascii")
        process = Process([program, "-db", "-f", configuration], log=directory / "log")
        stack.callback(process.stop)
        for port in ports.values():
            process.wait_for(("127.0.0.1", port))
        yield Proxy(ports, plain)


@pytest.mark.parametrize("frontend", ["one", "two", "encrypted"])
def test_H51_the_client_is_named_by_the_proxy_protocol(proxy: Proxy, frontend: str) -> None:
    environ = proxy.ask(frontend, X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https")
    assert environ["REMOTE_ADDR"] == "127.0.0.7"
    assert environ["REMOTE_PORT"].isdigit()
    assert "HTTP_X_FORWARDED_FOR" not in environ  # the client's own word
    assert (environ.get("HTTPS") == "on") == (frontend == "encrypted")


def test_H55_the_client_is_named_by_x_forwarded_for(proxy: Proxy) -> None:
    environ = proxy.ask("forwarding", X_Forwarded_For="192.0.2.1")
    assert (environ["REMOTE_ADDR"], environ["HTTPS"]) == ("127.0.0.7", "on")


def test_H51_a_health_check_is_the_proxys_own(proxy: Proxy) -> None:
    """It comes as LOCAL, and is answered, between requests of clients."""
    until(lambda: "127.0.0.1 - - " in proxy.plain.access_log and '"GET /check HTTP/1.0" 200' in proxy.plain.access_log)
    assert proxy.ask("checked")["REMOTE_ADDR"] == "127.0.0.7"
    assert "PROXY" not in proxy.plain.error_log
