"""Every server with every transport, at several mount points: what ``gateways conf`` writes is booted and asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
import requests

from gateways.deploy.registry import SERVERS
from tests.apps import auth
from tests.live import generated
from tests.live.generated import HOST, MOUNTS, ODD, STARTED, Case, Running, booted
from tests.live.sandbox import Sandbox
from tests.live.site import PATIENCE
from tests.support import requirements
from tests.support.serving import serving

pytestmark = pytest.mark.live

LIMIT = 1 << 20

CASES = tuple(
    Case(server, transport, mount)
    for server in ("nginx", "lighttpd", "caddy", "haproxy", "h2o")
    for transport in SERVERS[server].transports
    for mount in (MOUNTS if transport in ("fastcgi", "cgi") else ("", ODD))
)
"""All kinds, at several mount points."""

PATHS = ("/", "/x", "/x/app/y", "/%C3%A9", "/a%20b", "/%2Bq", "/le")

ROOTS = tuple(case for case in CASES if not case.mount and case.transport not in STARTED)
"""All kinds with an application in the test's process, once."""

GUARDED = tuple(
    Case(server, transport, ODD)
    for server, transport in (("nginx", "fastcgi"), ("nginx", "uwsgi"), ("lighttpd", "fastcgi"))
)
"""What can ask an authorizer."""

SLOW = ("lighttpd-scgi", "lighttpd-uwsgi", "lighttpd-ajp")
"""They count the seconds as lighttpd-fastcgi does."""


@pytest.fixture(scope="module")
def files() -> Iterator[Sandbox]:
    """A sandbox with private files, and directories with other names."""
    machine = Sandbox(frameworks=False)
    (machine.srv / "private").mkdir()
    (machine.srv / "private" / "a b.txt").write_text("for some\n")
    (machine.srv / "odd (1) \xfc's").mkdir()
    (machine.srv / "odd (1) \xfc's" / "style.css").write_text("odd\n")
    yield machine
    machine.close()


@pytest.fixture(scope="module", params=CASES, ids=str)
def site(request: pytest.FixtureRequest, files: Sandbox) -> Iterator[Running]:
    """A web server with what is written for a case."""
    case: Case = request.param
    values: dict[str, Any] = {"upload_limit": LIMIT}
    if case.takes("static"):
        values["static"] = (
            ("/static", str(files.srv / "static")),
            (f"{case.mount}/static/more (\xfc)", str(files.srv / "odd (1) \xfc's")),
            *([("/a", str(files.srv / "static"))] if case.mount == "/a/b" else []),  # above the application
        )
    if case.takes("private"):
        values["private"] = (("/private \xfc", str(files.srv / "private")),)
    with booted(replace(case, values=values), files) as running:
        yield running


def test_what_is_below_is_divided(site: Running) -> None:
    mount = site.description.mount.encode().decode("latin-1")
    for path in [*PATHS, *([""] if mount else [])]:
        environ = site.seen("GET", path)
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (mount, unquote(path, "latin-1"))


def test_what_is_not_below_does_not_reach_the_application(site: Running) -> None:
    if site.mount:
        for target in (f"{site.mount}le", site.mount.upper() + "/x", "/", f"/x{site.mount}", site.mount[:-1]):
            assert not site.is_answered(target), target


def test_static_files(site: Running) -> None:
    for url, directory in site.description.static:
        assert site.get_raw(quote(f"{url}/style.css")) == (200, Path(directory, "style.css").read_bytes())
        assert site.get_raw(quote(f"{url}/none"))[0] == 404


def test_private_files(site: Running) -> None:
    if site.deployment.transport in STARTED:
        return  # it runs the application of the other tests, which sends none
    for url, directory in site.description.private:
        assert site.raw("GET", quote(f"{url}/a b.txt"))[1] != b"for some\n"
        how = "decoded" if site.deployment.family == "caddy" else "encoded"
        target = f"{site.mount}/send/{how}?{quote(url)}/a%20b.txt&{quote(directory)}/a%20b.txt"
        assert site.get_raw(target) == (200, b"for some\n")


def test_the_upload_limit(site: Running) -> None:
    assert site.dump("POST", "/x", data=bytes(LIMIT))["body"]["length"] == LIMIT
    try:
        answer = site.request("POST", "/x", data=bytes(LIMIT + 1))
    except requests.ConnectionError:
        return  # it closes, and does not wait for the rest
    caddy = site.deployment.family == "caddy" and site.deployment.transport == "http"
    assert answer.status_code == (502 if caddy else 413)


def test_what_the_application_is_told(site: Running) -> None:
    headers = {"Authorization": "Basic YTpi", "Proxy": "http://evil.example", "X-Forwarded-For": "192.0.2.1"}
    environ = site.seen("GET", "/x?a=b", headers)
    assert environ["HTTP_AUTHORIZATION"] == "Basic YTpi"
    assert environ["QUERY_STRING"] == "a=b"
    assert environ["HTTP_HOST"] == site.host
    assert "HTTP_PROXY" not in environ
    if site.deployment.transport == "http":
        assert environ["HTTP_X_FORWARDED_FOR"].endswith(HOST)
    else:
        assert environ["REMOTE_ADDR"] == HOST
    assert "REMOTE_USER" not in environ


# Where one mount point is enough


@pytest.mark.parametrize("case", ROOTS, ids=str)
def test_pieces_leave_at_once(case: Case, files: Sandbox) -> None:
    with (
        booted(replace(case, values={"unbuffered": True}), files) as site,
        site.session.get(site.url("/pieces"), stream=True, timeout=PATIENCE) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == b"data: 1"
        site.application.go_on.set()
        assert [line for line in lines if line] == [b"data: 2"]


@pytest.mark.parametrize("case", [case for case in ROOTS if str(case) not in SLOW], ids=str)
def test_a_silent_application_is_given_up(case: Case, files: Sandbox) -> None:
    with booted(replace(case, values={"timeout": 1.0}), files) as site:
        assert site.get_raw("/wait")[0] in (502, 503, 504)


@pytest.mark.parametrize("case", [case for case in ROOTS if case.transport in SERVERS[case.server].several], ids=str)
def test_a_machine_that_is_down_is_left_out(case: Case, files: Sandbox) -> None:
    with booted(case, files, dead=1) as site:
        for _ in range(6):
            assert site.is_answered("/x")


@pytest.mark.parametrize("case", GUARDED, ids=str)
def test_an_authorizer_is_asked_first(case: Case, files: Sandbox) -> None:
    with serving(auth.application, tcp=True) as guard:
        values = {"authorizer": "{}:{}".format(*guard.address), "static": (("/static", str(files.srv / "static")),)}
        with booted(replace(case, values=values), files) as site:
            assert site.get("/x").status_code == 401
            assert site.get("/x", auth=("alice", "guessed")).status_code == 401
            environ = site.dump("GET", "/x?y", auth=("alice", "secret"))["environ"]
            assert environ["REMOTE_USER"] == "alice"
            mount = site.description.mount.encode().decode("latin-1")
            assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (mount, "/x")
            assert site.get_raw("/static/style.css")[0] == 200, "for everybody"
        guard.stop()  # or it would be asked for a page without a password


@pytest.mark.parametrize("case", [case for case in ROOTS if case.transport == "fastcgi"], ids=str)
def test_tls(case: Case, files: Sandbox) -> None:
    if case.server == "lighttpd":
        requirements.require_file("/usr/lib/lighttpd/mod_openssl.so", "lighttpd-mod-openssl")
    certificate = generated.install_certificate(files)
    with booted(replace(case, values={"tls": certificate}), files) as site:
        answer = site.session.get(
            f"https://{HOST}:{site.tls_port}/x",
            headers={"X-Application": "probe"},
            verify=certificate[0],
            timeout=PATIENCE,
        )
        environ = answer.json()["environ"]
        assert environ["wsgi.url_scheme"] == "https"
        assert environ["HTTPS"].lower() in ("on", "1")
        if case.server != "h2o":
            assert environ["SSL_PROTOCOL"].startswith("TLSv1.")
            assert environ["SSL_CIPHER"]
        if case.server != "caddy":  # it does so with a name that the world can find
            answer = site.session.get(site.url("/x?y"), allow_redirects=False, timeout=PATIENCE)
            assert answer.status_code in (301, 308)
            assert answer.headers["Location"].startswith("https://")
            assert answer.headers["Location"].endswith("/x?y")
