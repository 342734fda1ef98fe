"""The deployments under test: each names a file of conf/, the server that reads it, and what answers behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.sandbox import PROJECT, Sandbox, free_port
from tests.live.servers import WEB_SERVERS, Process, WebServer, start_backend
from tests.live.site import Site

UNIX = "/run/gateways/app.sock"
SRV = "/srv/example"
LIGHTTPD = ("/run/lighttpd", "/var/log/lighttpd")
"""The directories that lighttpd may write to: Debian makes them for its account."""

PLACES: dict[str, Callable[[Sandbox], Path]] = {
    UNIX: lambda sandbox: sandbox.run / "app.sock",
    SRV: lambda sandbox: sandbox.srv,
    LIGHTTPD[0]: lambda sandbox: sandbox.run,
    LIGHTTPD[1]: lambda sandbox: sandbox.logs,
    "/run/h2o.pid": lambda sandbox: sandbox.run / "h2o.pid",
    "/var/log/h2o/access.log": lambda sandbox: sandbox.logs / "h2o.access.log",
}
"""Where the paths that files of conf/ name are in the sandbox."""


@dataclass(frozen=True)
class Deployment:
    """One way to run an application behind a web server."""

    name: str
    server: str
    """A key of WEB_SERVERS."""
    conf: str
    """The file below conf/."""
    transport: str
    """cgi, resident (by CGI to a process that stays), fastcgi, scgi, uwsgi, ajp or http."""
    mount: str = ""
    """The URL path of the application: SCRIPT_NAME, before encoding."""
    address: str | None = None
    """Where `gateways serve` listens, as written in conf/; None when the web server runs a script."""
    arguments: tuple[str, ...] = ()
    """More arguments of `gateways serve`."""
    also: tuple[str, ...] = ()
    """The addresses of other machines that the file names. In the tests they are all the one backend."""

    @property
    def family(self) -> str:
        """The web server's name, whatever its modules: nginx, apache, ..."""
        return self.server.partition("-")[0]

    @property
    def spawned(self) -> bool:
        """Whether the web server starts the application's process."""
        return self.address is None

    @property
    def persistent(self) -> bool:
        """Whether a process answers more than one request."""
        return self.transport != "cgi"

    @property
    def htaccess(self) -> bool:
        """Whether the file is a customer's .htaccess on a shared host."""
        return self.conf.endswith(".htaccess")


DEPLOYMENTS = (
    Deployment("nginx-fastcgi", "nginx", "nginx/fastcgi.conf", "fastcgi", "", UNIX),
    Deployment("nginx-fastcgi-mounted", "nginx", "nginx/fastcgi-mounted.conf", "fastcgi", "/app", "127.0.0.1:9000"),
    Deployment("nginx-scgi", "nginx", "nginx/scgi.conf", "scgi", "", UNIX),
    Deployment("nginx-scgi-mounted", "nginx", "nginx/scgi-mounted.conf", "scgi", "/app", "127.0.0.1:4000"),
    Deployment("nginx-uwsgi", "nginx", "nginx/uwsgi.conf", "uwsgi", "", UNIX),
    Deployment("nginx-uwsgi-mounted", "nginx", "nginx/uwsgi-mounted.conf", "uwsgi", "/app", "127.0.0.1:3031"),
    Deployment("apache-cgid", "apache", "apache/cgi.conf", "cgi", "/app"),
    Deployment("apache-cgi", "apache-prefork", "apache/cgi.conf", "cgi", "/cgi-bin/app.cgi"),
    Deployment("apache-cgid-resident", "apache", "apache/cgi.conf", "resident", "/app"),
    Deployment("apache-fcgid", "apache", "apache/fcgid.conf", "fastcgi"),
    Deployment("apache-proxy-fcgi", "apache", "apache/proxy_fcgi.conf", "fastcgi", "", UNIX),
    Deployment(
        "apache-proxy-fcgi-sethandler", "apache", "apache/proxy_fcgi-sethandler.conf", "fastcgi", "/app",
        "127.0.0.1:9000", ("--script-name", "/app"),
    ),
    Deployment(
        "apache-proxy-fcgi-balancer", "apache", "apache/proxy_balancer.conf", "fastcgi", "", "127.0.0.1:9000",
        also=("127.0.0.1:9001",),
    ),
    Deployment("apache-proxy-scgi", "apache", "apache/proxy_scgi.conf", "scgi", "", "127.0.0.1:4000"),
    Deployment("apache-proxy-uwsgi", "apache", "apache/proxy_uwsgi.conf", "uwsgi", "", "127.0.0.1:3031"),
    Deployment(
        "apache-proxy-ajp", "apache", "apache/proxy_ajp.conf", "ajp", "", "127.0.0.1:8009",
        ("--ajp-secret", "change-this"),
    ),
    Deployment("apache-htaccess-cgi", "apache", "apache/htaccess/cgi.htaccess", "cgi"),
    Deployment("apache-htaccess-fcgid", "apache", "apache/htaccess/fcgid.htaccess", "fastcgi"),
    Deployment("lighttpd-cgi", "lighttpd", "lighttpd/cgi.conf", "cgi", "/cgi-bin/app.cgi"),
    Deployment("lighttpd-fastcgi", "lighttpd", "lighttpd/fastcgi.conf", "fastcgi", "", UNIX),
    Deployment("lighttpd-fastcgi-spawned", "lighttpd", "lighttpd/fastcgi-spawned.conf", "fastcgi"),
    Deployment("lighttpd-scgi", "lighttpd", "lighttpd/scgi.conf", "scgi", "/app", "127.0.0.1:4000"),
    Deployment("lighttpd-uwsgi", "lighttpd", "lighttpd/uwsgi.conf", "uwsgi", "/app", "127.0.0.1:3031"),
    Deployment("lighttpd-ajp", "lighttpd", "lighttpd/ajp13.conf", "ajp", "", "127.0.0.1:8009"),
    Deployment("caddy-fastcgi", "caddy", "caddy/Caddyfile", "fastcgi", "", UNIX),
    Deployment("haproxy-fastcgi", "haproxy", "haproxy/fastcgi.cfg", "fastcgi", "", "127.0.0.1:9000"),
    Deployment("h2o-fastcgi", "h2o", "h2o/fastcgi.conf", "fastcgi", "", UNIX),
    # Named by the protocol, because most of what is particular about a server's CGI variables is not here.
    Deployment("http-nginx", "nginx", "nginx/http.conf", "http", "", UNIX),
    Deployment("http-apache", "apache", "apache/proxy_http.conf", "http", "", "127.0.0.1:8000"),
    Deployment("http-lighttpd", "lighttpd", "lighttpd/http.conf", "http", "", UNIX),
)  # fmt: skip


def where(condition: Callable[[Deployment], bool]) -> pytest.MarkDecorator:
    """Run a test in these deployments only: the others have nothing to test."""
    chosen = [deployment for deployment in DEPLOYMENTS if condition(deployment)]
    return pytest.mark.parametrize("booted", chosen, ids=lambda row: row.name, indirect=True, scope="session")


@contextmanager
def running(deployment: Deployment, sandbox: Sandbox) -> Iterator[Site]:
    """Boot the backend and the web server of a deployment, and stop both."""
    server = WEB_SERVERS[deployment.server](sandbox, deployment.name)
    log = sandbox.logs / f"{deployment.name}.backend.log"
    with ExitStack() as stack:
        backend, address, changes = None, None, {}
        if deployment.address is not None:
            backend, address, changes = _start_backend(deployment, sandbox, log)
            stack.callback(backend.stop)
        if deployment.transport == "resident":
            changes = sandbox.install_resident(deployment.name)
            stack.callback(sandbox.stop_resident)
        server.start(_configure(deployment, sandbox, server, changes))
        stack.callback(server.stop)
        site = Site(deployment, sandbox, server, backend, address)
        stack.callback(site.close)
        yield site


def _start_backend(deployment: Deployment, sandbox: Sandbox, log: Path) -> tuple[Process, str, dict[str, str]]:
    """Serve the application; also return its address, and what has to be changed in the file for it."""
    flag = f"--{deployment.transport}"
    if deployment.address == UNIX:
        path = str(PLACES[UNIX](sandbox))
        return start_backend(sandbox, [flag, f"unix:{path}", *deployment.arguments], path, log), path, {}
    assert deployment.address is not None
    host, _, written = deployment.address.partition(":")
    port = free_port()
    address = f"{host}:{port}"
    process = start_backend(sandbox, [flag, address, *deployment.arguments], (host, port), log)
    # Not the whole address: lighttpd's files have host and port apart.
    return process, address, {written: str(port), **dict.fromkeys(deployment.also, address)}


def _configure(deployment: Deployment, sandbox: Sandbox, server: WebServer, changes: Mapping[str, str]) -> Path:
    """Adapt the deployment's file to the sandbox, and return the file that the web server includes."""
    conf = PROJECT / "conf" / deployment.conf
    if deployment.htaccess:
        script = PROJECT / "cgi-bin" / ("app.cgi" if deployment.transport == "cgi" else "app.fcgi")
        hosting = sandbox.srv / "hosting"
        sandbox.install_script(script, hosting)
        sandbox.install_application(hosting)
        (hosting / ".htaccess").write_text(conf.read_text())
        conf = PROJECT / "tests" / "live" / "hosting.conf"
    text = conf.read_text()
    places = {literal: str(place(sandbox)) for literal, place in PLACES.items() if literal in text}
    return sandbox.adapt(conf.name, text, {**changes, **server.replacements(), **places})
