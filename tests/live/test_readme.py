"""The recipes of the README work as they are written there; only paths and ports are the sandbox's."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.live.deployments import SRV, Deployment
from tests.live.sandbox import ACCOUNT, Sandbox, changed
from tests.live.servers import SERVICE_ENVIRONMENT, Apache, Nginx, Process
from tests.live.site import Site
from tests.support.source import CHECKOUT, FENCE

pytestmark = pytest.mark.live

STRANGER = "65534"
"""Anybody but root and the web servers' account: who tries a recipe is not a member of www-data either."""


def section(title: str) -> str:
    """The text below a heading."""
    return re.split(r"^## ", (CHECKOUT / "README.md").read_text().split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def blocks(title: str) -> dict[str, str]:
    """The code of a section, by language."""
    return dict(FENCE.findall(section(title)))


def serve_as_a_stranger(machine: Sandbox, commands: str) -> Process:
    """Run the lines of the README: the first as root, if we are, the second as a person without rights."""
    account = [word.replace(f"={ACCOUNT}", f"={STRANGER}") for word in machine.account]
    group = {} if account else {"--socket-group www-data": "", "-g www-data": ""}
    user = STRANGER if account else "$(id -u)"
    replace = {"sudo ": "", "$USER": user, "/run/gateways": f"{machine.run}/gateways", **group}
    make, serve = changed(commands, replace).splitlines()
    subprocess.run(make, shell=True, check=True)
    env = {**SERVICE_ENVIRONMENT, "PATH": f"{machine.python.parent}:{SERVICE_ENVIRONMENT['PATH']}"}
    log = machine.logs / "backend.log"
    process = Process(["sh", "-c", f"exec {serve}"], log=log, account=account, env=env, cwd=machine.scripts)
    process.wait_for(f"{machine.run}/gateways/app.sock")
    return process


@pytest.fixture(scope="module")
def nginx(machine: Sandbox) -> Iterator[Site]:
    code = blocks("nginx")
    server = Nginx(machine, "readme-nginx")
    with ExitStack() as stack:
        backend = serve_as_a_stranger(machine, code["sh"])
        stack.callback(backend.stop)
        replace = {"/run/gateways": f"{machine.run}/gateways", **server.replacements()}
        server.start(machine.adapt("readme-nginx.conf", code["nginx"], replace))
        stack.callback(server.stop)
        site = Site(Deployment("readme-nginx", "nginx", "", "fastcgi"), machine, server, backend)
        stack.callback(site.close)
        yield site


def test_nginx_passes_the_request(nginx: Site) -> None:
    seen = nginx.dump("POST", "/a%20b//c?x=1", data=b"hello", headers={"Host": f"example.org:{nginx.port}"})
    assert seen["uri"] == f"http://example.org:{nginx.port}/a%20b/c?x=1"
    assert (seen["environ"]["SCRIPT_NAME"], seen["environ"]["PATH_INFO"]) == ("", "/a b/c")
    assert seen["body"]["length"] == 5
    assert nginx.dump("GET", "/", headers={"Host": "example.org"})["uri"] == "http://example.org/"


def test_nginx_passes_no_name_that_nobody_has_checked(nginx: Site) -> None:
    environ = nginx.dump("GET", "/", auth=("admin", "guessed"))["environ"]
    assert "REMOTE_USER" not in environ
    assert environ["HTTP_AUTHORIZATION"].startswith("Basic ")


def test_nginx_passes_no_host_that_it_did_not_look_at(nginx: Site) -> None:
    """With an absolute URL in the request line, nginx chooses the server by that and not by the Host header."""
    lines = ["GET http://example.org/ HTTP/1.1", "Host: evil.example", "Connection: close", "", ""]
    with nginx.connect() as connection:
        connection.sendall("\r\n".join(lines).encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b'"HTTP_HOST": "example.org"' in answer


@pytest.fixture(scope="module")
def apache(machine: Sandbox) -> Iterator[Site]:
    code = blocks("Apache with mod_fcgid")
    hosting = machine.srv / "hosting"
    script = hosting / "app.fcgi"
    script.write_text(changed(code["python"], {"/home/you/venv/bin/python": str(machine.python)}))
    script.chmod(0o755)
    machine.install_application(hosting)
    (hosting / ".htaccess").write_text(code["apache"])
    server = Apache(machine, "readme-apache")
    (override,) = re.findall(r"`(AllowOverride .*?)`", section("Apache with mod_fcgid"))
    replace = {SRV: str(machine.srv), "AllowOverride All": override, **server.replacements()}
    with ExitStack() as stack:
        server.start(machine.configure("../tests/live/hosting.conf", replace))
        stack.callback(server.stop)
        site = Site(Deployment("readme-apache", "apache", "", "fastcgi"), machine, server)
        stack.callback(site.close)
        yield site


def test_apache_passes_the_request(apache: Site) -> None:
    seen = apache.dump("POST", "/a%20b?x=1", data=b"hello", auth=("admin", "guessed"))
    assert seen["uri"] == f"http://{apache.host}/a%20b?x=1"
    assert seen["environ"]["HTTP_AUTHORIZATION"].startswith("Basic ")
    assert seen["body"]["length"] == 5


@pytest.mark.parametrize("name", ["app.py", "probe.py", ".htaccess"])
def test_apache_shows_no_source(apache: Site, name: str) -> None:
    assert (apache.sandbox.srv / "hosting" / name).is_file()
    assert apache.get(f"/{name}").status_code == 403
