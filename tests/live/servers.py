"""Start and stop the real web servers, and the gateway behind them.

Each web server gets a main configuration of its own, as short as it can be, that includes one file of conf/ the way
Debian's main configuration does.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.live.sandbox import PACKAGE, Sandbox, free_port
from tests.support import requirements
from tests.support.processes import INSIST

START = 45.0
"""Seconds for a server to listen: a slow machine imports Django in some."""

STOP = 45.0
"""Seconds for a server to end after it was asked to: mod_fcgid alone takes up to 9 s with a child that ignores it."""

SERVICE_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
"""What a service manager gives to a server, and it to the scripts: nothing of the developer's shell."""

LEASH = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
"""The beginning of a command that ends when the tests end, even when they are killed and can stop nothing any more."""

APACHE_MODULES = Path("/usr/lib/apache2/modules")


class Process:
    """A running server: its own process group, so that nothing it started outlives the test."""

    def __init__(
        self,
        command: Sequence[Any],
        *,
        log: Path,
        account: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.log = log
        self.name = " ".join(str(word) for word in command)
        # In this order: a change of the account would take the leash off.
        words = [*account, *LEASH, *(str(word) for word in command)]
        environ = dict(os.environ if env is None else env)
        if account:
            for variable in INSIST:  # it is not root any more
                environ.pop(variable, None)
        kwargs = {"stdin": subprocess.DEVNULL, "start_new_session": True, **kwargs}
        with log.open("ab") as output:
            self.popen = subprocess.Popen(words, stdout=output, stderr=output, env=environ, **kwargs)

    @property
    def pid(self) -> int:
        """The process, which is also its process group."""
        return self.popen.pid

    def wait_for(self, address: tuple[str, int] | str, seconds: float = START) -> None:
        """Wait until somebody listens at the address."""
        end = time.monotonic() + seconds
        while not answers(address):
            if self.popen.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.popen.returncode}:\n{self.log.read_text()}")
            if time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"{self.name} does not listen:\n{self.log.read_text()}")
            time.sleep(0.01)

    def stop(self, signum: int = signal.SIGTERM, seconds: float = STOP) -> int:
        """Ask the server to end and return its exit status; what is left of its group is killed."""
        if self.popen.poll() is None:
            self.popen.send_signal(signum)
        try:
            return self.popen.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the whole group at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()

    def children(self) -> list[int]:
        """The processes below this one that are alive, at any depth."""
        found = [self.pid]
        for parent in found:
            for task in Path(f"/proc/{parent}/task").glob("*/children"):
                try:
                    found += [int(pid) for pid in task.read_text().split()]
                except (FileNotFoundError, ProcessLookupError):
                    pass  # ended while we looked
        return found[1:]


def answers(address: tuple[str, int] | str) -> bool:
    """Say whether a connection to the address succeeds."""
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0


class WebServer:
    """What they have in common: one configuration, one port, one error log."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox = sandbox
        self.port = free_port()
        self.error_log = sandbox.logs / f"{name}.log"
        self.error_log.touch()
        sandbox.own(self.error_log)
        self.main = sandbox.root / f"{name}.main.conf"
        self.process: Process | None = None

    def replacements(self) -> Mapping[str, str]:
        """What this server's configuration needs changed beside the paths of the sandbox."""
        raise NotImplementedError

    def command(self, conf: Path) -> list[Any]:
        """Write the main configuration and return the command that runs the server in the foreground."""
        raise NotImplementedError

    def start(self, conf: Path) -> None:
        """Run the server with an adapted file of conf/."""
        self.process = Process(
            self.command(conf),
            log=self.error_log, env=SERVICE_ENVIRONMENT, cwd=self.sandbox.root, account=self.sandbox.account,
        )  # fmt: skip
        self.process.wait_for(("127.0.0.1", self.port))

    def stop(self, signum: int = signal.SIGTERM) -> None:
        """Stop it; everything it spawned has to end with it."""
        if self.process is not None:
            self.process.stop(signum)
            self.process = None


class Nginx(WebServer):
    """nginx with one file of conf.d."""

    def replacements(self) -> Mapping[str, str]:
        return {"listen 80;": f"listen 127.0.0.1:{self.port};"}

    def command(self, conf: Path) -> list[Any]:
        program = requirements.require_program("nginx")
        kinds = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
        temporary = "".join(f"    {kind}_temp_path {self.sandbox.run}/nginx-{kind};\n" for kind in kinds)
        self.main.write_text(
            f"daemon off;\nworker_processes 1;\npid {self.sandbox.run}/nginx.pid;\nerror_log {self.error_log} info;\n"
            f"events {{ worker_connections 256; }}\n"
            f"http {{\n    access_log off;\n{temporary}    include {conf};\n}}\n"
        )
        return [program, "-p", self.sandbox.run, "-e", self.error_log, "-c", self.main]


class Apache(WebServer):
    """Apache with one virtual host. The event MPM, and mod_cgid for scripts, unless said otherwise."""

    mpm = "event"
    cgi = "cgid"

    def replacements(self) -> Mapping[str, str]:
        return {"<VirtualHost *:80>": f"<VirtualHost 127.0.0.1:{self.port}>"}

    def command(self, conf: Path) -> list[Any]:
        program = requirements.require_program("apache2")
        fcgid = requirements.require_file(APACHE_MODULES / "mod_fcgid.so", "libapache2-mod-fcgid")
        names = (
            *(f"mpm_{self.mpm}", "authn_core", "authz_core", "alias", "mime", "env", "setenvif", "rewrite", self.cgi),
            *("proxy", "proxy_fcgi", "proxy_scgi", "proxy_uwsgi", "proxy_ajp", "proxy_http", "headers"),
            *("auth_basic", "authz_user", "authnz_fcgi", "slotmem_shm", "proxy_balancer", "lbmethod_bybusyness"),
        )
        modules = "".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n" for name in names)
        run = self.sandbox.run
        sockets = f"ScriptSock {run}/cgid.sock\n" if self.cgi == "cgid" else ""
        self.main.write_text(
            f"DefaultRuntimeDir {run}\nServerRoot {self.sandbox.root}\n"
            f"PidFile {run}/apache.pid\nMutex file:{run}\nServerName example.org\nListen 127.0.0.1:{self.port}\n"
            # Where suexec is installed, mod_fcgid starts as root only.
            f"Suexec Off\nErrorLog {self.error_log}\nLogLevel info\nKeepAliveTimeout 2\nTypesConfig /dev/null\n"
            f"{modules}LoadModule fcgid_module {fcgid}\n{sockets}"
            f"FcgidIPCDir {run}/fcgid\nFcgidProcessTableFile {run}/fcgid.shm\n"
            f"<Directory />\n    Require all denied\n    AllowOverride None\n</Directory>\n"
            f"Include {conf}\n"
        )
        return [program, "-DFOREGROUND", "-f", self.main]


class ApachePrefork(Apache):
    """Apache with the prefork MPM and mod_cgi."""

    mpm = "prefork"
    cgi = "cgi"


class Lighttpd(WebServer):
    """lighttpd with one file of conf-enabled."""

    def replacements(self) -> Mapping[str, str]:
        return {'$HTTP["host"] == "example.org"': '$HTTP["host"] =~ ""'}

    def command(self, conf: Path) -> list[Any]:
        program = requirements.require_program("lighttpd")
        self.main.write_text(
            f'server.bind = "127.0.0.1"\nserver.port = {self.port}\nserver.name = "example.org"\n'
            f'server.document-root = "{self.sandbox.srv}/public"\nserver.errorlog = "{self.error_log}"\n'
            f'server.upload-dirs = ( "{self.sandbox.run}" )\nindex-file.names = ( "index.html" )\n'
            f'server.modules = ( "mod_indexfile" )\nmimetype.assign = ( ".css" => "text/css" )\n'
            # As in Debian's file, last: loaded before mod_cgi it would serve the source of the scripts.
            f'include "{conf}"\nserver.modules += ( "mod_staticfile" )\n'
        )
        return [program, "-D", "-f", self.main]


class Caddy(WebServer):
    """Caddy with one site, by http:// on a port of its own: nobody here gives it a certificate."""

    def replacements(self) -> Mapping[str, str]:
        return {"example.org {": f"http://:{self.port} {{"}

    def command(self, conf: Path) -> list[Any]:
        program = requirements.require_program("caddy")
        self.main.write_text(
            "{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n"
            f"\tstorage file_system {self.sandbox.run}/caddy\n}}\nimport {conf}\n"
        )
        return [program, "run", "--adapter", "caddyfile", "--config", self.main]


class Haproxy(WebServer):
    """HAProxy with one file, which is the whole configuration; as the account of the tests, without its own."""

    def replacements(self) -> Mapping[str, str]:
        return {
            "bind :80": f"bind 127.0.0.1:{self.port}",
            "log /dev/log local0": "log stderr format raw local0",
            "    user haproxy\n    group haproxy\n    chroot /var/lib/haproxy\n": "",
        }

    def command(self, conf: Path) -> list[Any]:
        return [requirements.require_program("haproxy"), "-db", "-f", conf]


class H2o(WebServer):
    """h2o with one file, which is the whole configuration; as the account of the tests, without its own."""

    def replacements(self) -> Mapping[str, str]:
        return {
            "listen:\n  port: 80\n": f"listen:\n  host: 127.0.0.1\n  port: {self.port}\n",
            "user: debian-h2o\n": "num-threads: 1\n",
            "/var/log/h2o/error.log": str(self.error_log),
        }

    def command(self, conf: Path) -> list[Any]:
        return [requirements.require_program("h2o"), "-m", "worker", "-c", conf]


WEB_SERVERS: Mapping[str, type[WebServer]] = {
    "nginx": Nginx,
    "apache": Apache,
    "apache-prefork": ApachePrefork,
    "lighttpd": Lighttpd,
    "caddy": Caddy,
    "haproxy": Haproxy,
    "h2o": H2o,
}


def start_backend(
    sandbox: Sandbox,
    arguments: Sequence[Any],
    address: tuple[str, int] | str,
    log: Path,
    application: str = "app:application",
    directory: Path | None = None,
) -> Process:
    """Run `gateways serve` with the Python that runs the tests, and wait until it listens."""
    group = ["--socket-group", "www-data"] if sandbox.account and isinstance(address, str) else []
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    process = Process(
        [sys.executable, "-m", "gateways", "serve", application, *arguments, *group],
        log=log, cwd=directory or sandbox.scripts, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    process.wait_for(address)
    return process
