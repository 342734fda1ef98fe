"""Web servers that ask an authorizer before an application: files of conf/, with both of them running."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.live.deployments import SRV, Deployment
from tests.live.sandbox import PROJECT, Sandbox, free_port
from tests.live.servers import WEB_SERVERS, start_backend
from tests.live.site import Site

RUN = "/run/gateways"
PORT = "127.0.0.1:9001"
"""Where mod_authnz_fcgi finds the authorizer."""

GUARDS = (
    Deployment("nginx-auth-request", "nginx", "nginx/auth_request.conf", "fastcgi", "", f"{RUN}/auth.sock"),
    Deployment("lighttpd-authorizer", "lighttpd", "lighttpd/authorizer.conf", "fastcgi", "", f"{RUN}/auth.sock"),
    Deployment("apache-authnz-fcgi", "apache", "apache/authnz_fcgi.conf", "fastcgi", "", PORT),
    Deployment("apache-fcgid-authorizer", "apache", "apache/fcgid-authorizer.conf", "fastcgi", "/app"),
)

MULTIPLEXED = "haproxy/multiplexed.cfg"
"""Of test_multiplex.py, which boots it."""


@contextmanager
def guarded(guard: Deployment, sandbox: Sandbox) -> Iterator[Site]:
    """Boot the authorizer, the application and the web server, and stop them."""
    server = WEB_SERVERS[guard.server](sandbox, guard.name)
    replace = {SRV: str(sandbox.srv)}
    shutil.copyfile(PROJECT / "tests/apps/auth.py", sandbox.scripts / "auth.py")
    with ExitStack() as stack:
        if guard.address is None:
            script = sandbox.scripts / "auth.fcgi"
            script.write_text((sandbox.scripts / "app.fcgi").read_text().replace("app:application", "auth:application"))
            script.chmod(0o755)
        else:
            replace[RUN] = str(sandbox.run)
            application = f"{sandbox.run}/app.sock"
            log = sandbox.logs / f"{guard.name}.app.log"
            backend = start_backend(sandbox, ["--fastcgi", f"unix:{application}"], application, log)
            stack.callback(backend.stop)
            address: tuple[str, int] | str = f"{sandbox.run}/auth.sock"
            argument = f"unix:{address}"
            if guard.address == PORT:
                address = ("127.0.0.1", free_port())
                argument = replace[PORT] = f"127.0.0.1:{address[1]}"
            log = sandbox.logs / f"{guard.name}.auth.log"
            authorizer = start_backend(sandbox, ["--fastcgi", argument], address, log, "auth:application")
            stack.callback(authorizer.stop)
        server.start(sandbox.configure(guard.conf, {**replace, **server.replacements()}))
        stack.callback(server.stop)
        site = Site(guard, sandbox, server)
        stack.callback(site.close)
        yield site
