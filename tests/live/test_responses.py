"""What an application answers must reach the client: whole, at once, and honestly when it fails."""

from __future__ import annotations

import hashlib
import http.client
import uuid
from pathlib import Path

import pytest

from tests.live.deployments import where
from tests.live.differences import NO_LENGTH, STREAM, WITH_LENGTH, known
from tests.live.site import Site, wait_for_file, wait_until
from tests.support.processes import is_running


def test_status_and_headers(site: Site) -> None:
    response = site.get("/do/headers")
    assert response.status_code == 418
    assert (response.reason != "I am a Teapot") == known(site.deployment, "reason phrase replaced")
    assert response.raw.headers.getlist("Set-Cookie") == ["a=1; Path=/", "b=2; Path=/"]
    assert response.headers["X-Latin"] == "caf\xe9"
    assert response.text == "short and stout\n"


def test_any_status(site: Site) -> None:
    for code in (201, 299, 404, 451, 503, 599):
        response = site.get(f"/do/status?{code}")
        assert (response.status_code, response.text) == (code, str(code))


def test_a_long_header_of_a_response(site: Site) -> None:
    response = site.get("/do/long-header?7000")
    if known(site.deployment, "long response header refused"):
        assert response.status_code == 502
    else:
        assert (response.status_code, len(response.headers["X-Long"])) == (200, 7000)


def test_head(site: Site) -> None:
    response = site.request("HEAD", "/head")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Type"] == "application/json"
    # Nothing is left on the connection that could be taken for the next response.
    assert site.dump("GET", "/next")["environ"]["REQUEST_METHOD"] == "GET"


def test_head_of_a_stream(site: Site) -> None:
    """The application is not run to its end for a body that nobody gets."""
    response = site.request("HEAD", "/do/large")
    assert (response.status_code, response.content) == (200, b"")


def test_not_modified(site: Site) -> None:
    first = site.get("/do/not-modified")
    assert (first.status_code, first.text, first.headers["ETag"]) == (200, "the entity\n", '"tag"')
    again = site.get("/do/not-modified", headers={"If-None-Match": '"tag"'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", '"tag"')
    assert site.get("/do/not-modified").text == "the entity\n"


def test_no_content(site: Site) -> None:
    response = site.get("/do/no-content")
    assert (response.status_code, response.content) == (204, b"")


def test_redirect(site: Site) -> None:
    response = site.get("/do/redirect")
    assert response.status_code == 302
    assert response.headers["Location"] == "http://elsewhere.example/path?q=1"


def test_large_response(site: Site) -> None:
    digest = hashlib.sha256(b"".join(bytes([number]) * 65536 for number in range(160))).hexdigest()
    assert hashlib.sha256(site.get("/do/large").content).hexdigest() == digest


@where(lambda deployment: not known(deployment, "stream held back"))
def test_first_block_of_a_stream_arrives_while_the_application_waits(site: Site) -> None:
    """The application goes on when the client has the first line: a server that holds it back makes it give up."""
    released = site.sandbox.signal("released")
    with site.get(f"/do/stream?file={released}", stream=True) as response:
        lines = response.iter_lines(chunk_size=1)
        assert next(lines) == b"first"
        released.touch()
        assert next(lines) == b"released"


def test_client_that_leaves_closes_the_iterable(site: Site) -> None:
    started, closed = site.sandbox.signal("started"), site.sandbox.signal("closed")
    target = f"{site.mount}/do/endless?started={started}&file={closed}"
    with site.connect() as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
        assert b"200 OK" in connection.recv(65536)
    if known(site.deployment, "process killed when the client leaves"):
        pid = int(wait_for_file(started))
        assert wait_until(lambda: not is_running(pid))
        assert not closed.exists()
    else:
        assert wait_for_file(closed) == "closed"
    assert site.get("/next").status_code == 200


def test_error_before_the_response(site: Site) -> None:
    token = uuid.uuid4().hex
    response = site.get(f"/do/error?{token}")
    assert response.status_code == 500
    assert token not in response.text
    assert "Traceback" not in response.text
    assert_logged(site, f"probe fails early: {token}")


def test_error_before_the_first_block(site: Site) -> None:
    """start_response was called, but nothing was sent: a 500 is still possible (PEP 3333)."""
    token = uuid.uuid4().hex
    response = site.get(f"/do/error-in-iterator?{token}")
    assert response.status_code == 500
    assert_logged(site, f"probe fails before the first block: {token}")


@pytest.mark.parametrize(("path", "exception"), [("/do/error-late", NO_LENGTH), ("/do/short", WITH_LENGTH)])
def test_half_a_response_is_not_a_whole_one(site: Site, path: str, exception: str) -> None:
    """A cache must not keep it: the connection ends before the response does, or it is an error from the start."""
    token = uuid.uuid4().hex
    try:
        status, body = site.raw("GET", f"{site.mount}{path}?{token}")
    except (http.client.IncompleteRead, ConnectionResetError):
        pass
    else:
        assert status >= 500 or known(site.deployment, exception), (status, len(body))
    if path == "/do/error-late":
        assert_logged(site, f"probe fails late: {token}")
    assert site.raw("GET", f"{site.mount}/next")[0] == 200


@where(lambda deployment: not known(deployment, "stream held back"))
def test_half_a_stream_is_not_a_whole_one(site: Site) -> None:
    """As before, but the client has the first block already when the application fails."""
    released = site.sandbox.signal("released")
    with site.connect() as connection:
        connection.sendall(
            f"GET {site.mount}/do/error-late?file={released} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode()
        )
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.read1(1) == b"h"
        released.touch()
        try:
            response.read()
            whole = True
        except (http.client.IncompleteRead, ConnectionResetError):
            whole = False
        finally:
            response.close()
    assert whole == known(site.deployment, STREAM)


def test_errors_stream_is_logged(site: Site) -> None:
    token = uuid.uuid4().hex
    assert site.get(f"/do/log?{token}").text == "logged\n"
    assert_logged(site, f"probe logs: {token}")


@where(lambda deployment: deployment.transport == "fastcgi" and not known(deployment, "errors stay with the backend"))
def test_text_for_the_log_arrives_before_the_response(site: Site) -> None:
    """The text fills its record, to the byte: HAProxy 2.6 ends, with all its connections, when that has no padding."""
    released = site.sandbox.signal("released")
    query = f"file={released}&"
    query += "x" * (-len(f"probe logs: {query}\n") % 8)
    with site.connect() as connection:
        connection.sendall(f"GET {site.mount}/do/log?{query} HTTP/1.1\r\nHost: {site.host}\r\n\r\n".encode())
        assert_logged(site, f"probe logs: {query}")
        released.touch()
        assert b" 200 " in connection.recv(65536)


def test_printing_does_not_damage_the_response(site: Site) -> None:
    response = site.get("/do/chatter")
    assert (response.status_code, response.text) == (200, "the body\n")


def test_wsgiref_validate_has_nothing_to_complain_about(site: Site) -> None:
    """validate reports an iterable that was never closed on standard error, when it is garbage."""
    site.get("/")
    for path in site.logs():
        assert "without being closed" not in path.read_text(errors="replace")
        assert "AssertionError" not in path.read_text(errors="replace")


@where(
    lambda deployment: (
        deployment.address in ("127.0.0.1:9000", "127.0.0.1:8000") or deployment.name == "apache-proxy-ajp"
    )
)
def test_connections_to_the_backend_are_kept(site: Site) -> None:
    """Most files for FastCGI say so, and those for HTTP; with TCP the kernel's table tells whether it is true."""
    before = connections(site)
    for _ in range(40):
        site.get("/")
    # Apache has one pool for each of its few processes.
    kept = len(connections(site) - before) < 10
    assert kept != known(site.deployment, "a connection for each request")


def connections(site: Site) -> set[str]:
    """The client's side of every connection to the backend, those that were closed a moment ago included."""
    assert site.address is not None
    port = f":{int(site.address.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = [{row[1], row[2]} for row in rows if row[1].endswith(port) or row[2].endswith(port)]
    return {end for pair in ends for end in pair if not end.endswith((port, ":0000"))}


def assert_logged(site: Site, text: str) -> None:
    """The text is in the web server's error log; SCGI has no way to get it there, so the backend's own log has it."""
    log = site.logs()[-1] if known(site.deployment, "errors stay with the backend") else site.logs()[0]
    assert site.wait_for_log(text, log), f"{text!r} is not in {log.name}: {log.read_text(errors='replace')[-3000:]}"
