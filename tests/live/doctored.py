"""A bench for configurations that are broken by one change each: all booted at once, each at a port of its own."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

import pytest

from gateways.doctor import asking, sockets
from gateways.doctor.findings import ERROR, WARNING, Finding
from gateways.doctor.targets import Options, examine
from tests.live.deployments import DEPLOYMENTS, LIGHTTPD, PLACES, SRV, UNIX
from tests.live.publicvenv import make_venv
from tests.live.sandbox import ACCOUNT, PROJECT, Sandbox, free_port
from tests.live.servers import WEB_SERVERS, H2o, WebServer, start_backend
from tests.live.site import PATIENCE
from tests.live.sitefaults import Fault, Visit
from tests.support import requirements
from tests.support.tls import CERTIFICATE, KEY

TRANSPORTS = ("fastcgi", "scgi", "uwsgi", "http", "ajp")
#: The command of each web server that says whether it starts with a file.
TRIALS = {
    "nginx": ("nginx", "-t", "-c"),
    "apache": ("apache2", "-t", "-f"),
    "lighttpd": ("lighttpd", "-tt", "-f"),
    "caddy": ("caddy", "validate", "--adapter", "caddyfile", "--config"),
    "haproxy": ("haproxy", "-c", "-f"),
    "h2o": ("h2o", "-t", "-c"),
}
#: Those that include no files: each is the whole configuration.
WHOLE = ("haproxy", "h2o")


def good(faults: Iterable[Fault]) -> list[str]:
    """The files that the faults are made of."""
    return sorted({fault.conf for fault in faults})


class Bench:
    """A web server with the probe behind it. ``files`` has each broken configuration, and each as it is by its name."""

    def __init__(self, server: str, faults: Iterable[Fault]) -> None:
        self.name = server
        self.faults = list(faults)
        self.at_once = False
        self.sandbox = Sandbox(applications=False)
        if self.sandbox.account:
            # Without the capability that the other tests may need: here it matters what the account may reach.
            self.sandbox.account = ("setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups")
        self.server: WebServer = WEB_SERVERS[server](self.sandbox, f"doctor-{server}")
        self.files: dict[Fault | str, Path] = {}
        self.ports: dict[Fault | str, int] = {}
        self.addresses = {name: free_port() for name in TRANSPORTS}
        self.sockets = {name: self.sandbox.run / f"app.{name}" for name in TRANSPORTS}

    @classmethod
    @contextmanager
    def running(cls, server: str, faults: Iterable[Fault], at_once: bool = True) -> Iterator[Bench]:
        """Serve the probe, write all files, and boot those that the web server starts with, if it can at once."""
        bench = cls(server, faults)
        with ExitStack() as stack:
            stack.callback(bench.sandbox.close)
            monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
            monkeypatch.setattr(asking, "_TRIAL", PATIENCE)
            monkeypatch.setattr(sockets, "UNIT_DIRECTORIES", ())  # below /tmp as everything here
            bench.make_obstacles()
            if server == "apache":
                bench.make_scripts()
            log = bench.sandbox.logs / "probe.log"
            flags = [f"--{name}={address}" for name in TRANSPORTS for address in bench.listening(name)]
            application = "gateways.doctor.probe:application"
            first = str(bench.sockets["ajp"])
            backend = start_backend(bench.sandbox, flags, first, log, application, directory=bench.sandbox.root)
            stack.callback(backend.stop)
            for name in TRANSPORTS:  # they are opened one by one
                backend.wait_for(str(bench.sockets[name]))
                backend.wait_for(("127.0.0.1", bench.addresses[name]))
            for name in ("booted", "stopped"):
                (bench.sandbox.root / name).mkdir()
            bench.write_all()
            stack.callback(bench.server.stop)
            bench.at_once = at_once
            if at_once:
                bench.start()
            yield bench

    def start(self) -> None:
        """Boot the web server with all that it starts with, and wait for every port: it opens them one by one."""
        self.server.start(self.sandbox.root / "booted" / "*.conf")
        assert self.server.process is not None
        for case, path in self.files.items():
            if path.parent.name == "booted":
                self.server.process.wait_for(("127.0.0.1", self.ports[case]))

    def listening(self, name: str) -> list[str]:
        """The addresses of the probe for a protocol."""
        return [f"unix:{self.sockets[name]}", f"127.0.0.1:{self.addresses[name]}"]

    def make_obstacles(self) -> None:
        """What may be in the way of a web server."""
        run = self.sandbox.run
        with socket.socket(socket.AF_UNIX) as stale, socket.socket(socket.AF_UNIX) as closed:
            stale.bind(f"{run}/stale")
            closed.bind(f"{run}/closed")
        (run / "stale").chmod(0o666)
        (run / "closed").chmod(0)
        (run / "file").touch()
        (run / "private").mkdir()
        (run / "private").chmod(0)
        (run / "both.pem").write_bytes(Path(CERTIFICATE).read_bytes() + Path(KEY).read_bytes())
        (self.sandbox.srv / "secret.txt").write_text("secret\n")

    def write_all(self) -> None:
        """Write each file as it is and broken; the first gets the port that the server is waited for at."""
        cases: list[Fault | str] = [*good(self.faults), *self.faults]
        for number, case in enumerate(cases):
            starts = isinstance(case, str) or case.seen is not None
            path = self.sandbox.root / ("booted" if starts else "stopped") / f"v{number}.conf"
            self.files[case] = path
            self.ports[case] = self.server.port if number == 0 else free_port()
            path.write_text(self._text(case, number))

    def _text(self, case: Fault | str, number: int) -> str:
        conf = case if isinstance(case, str) else case.conf
        text = (PROJECT / "conf" / conf).read_text()
        deployment = next(row for row in DEPLOYMENTS if row.conf == conf)
        transport = deployment.transport
        text = text.replace(UNIX, str(self.sockets.get(transport, "")))
        if deployment.address and deployment.address != UNIX:
            text = text.replace(deployment.address.rpartition(":")[2], str(self.addresses[transport]))
        text = text.replace(SRV, str(self.sandbox.srv)).replace(LIGHTTPD[0], str(self.sandbox.run))
        text = text.replace(LIGHTTPD[1], str(self.sandbox.logs))
        for pattern, replacement in () if isinstance(case, str) else case.changes:
            text, count = re.subn(pattern, self._filled(replacement), text)
            assert count, f"{pattern!r} is not in {conf}:\n{text}"
        if conf.startswith("haproxy/"):  # the file is all that it reads, and it runs one of them at a time
            for literal, value in self.server.replacements().items():
                text = text.replace(literal, value)
        port = self.ports[case]
        # Names that may be there only once in a server.
        text = text.replace("example_", f"v{number}_").replace("listen 80;", f"listen 127.0.0.1:{port};")
        text = text.replace("example.org {", f"http://:{port} {{")
        if "<VirtualHost *:80>" in text:
            listen = "" if number == 0 else f"Listen 127.0.0.1:{port}\n"
            text = text.replace("<VirtualHost *:80>", f"{listen}<VirtualHost 127.0.0.1:{port}>")
        return self._own_of_h2o(text) if isinstance(self.server, H2o) else text

    def _own_of_h2o(self, text: str) -> str:
        """Its file is the whole configuration: as the account of the tests, at their port."""
        own = {
            literal: str(place(self.sandbox))
            for literal, place in PLACES.items()
            if literal.startswith(("/run/h2o", "/var/log/h2o"))
        }
        for literal, value in {**own, **self.server.replacements()}.items():
            text = text.replace(literal, value)
        return text

    def _filled(self, text: str) -> str:
        values = {"tcp": self.addresses["fastcgi"], "tls": free_port(), "crt": CERTIFICATE, "key": KEY}
        values.update(scgi=self.addresses["scgi"], http=self.addresses["http"])
        values.update(run=self.sandbox.run, pem=self.sandbox.run / "both.pem")
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def check(self, fault: Fault, tried: bool = True) -> None:
        """Doctor names the cause and the line, and the fault is there: it is seen, or the web server does not start.

        The latter unless ``tried`` is false.
        """
        found = [finding for finding in self.examine(fault) if finding.code == fault.code]
        assert found, self.examine(fault)
        assert fault.at in self.line(found[0].where), found[0]
        if fault.seen is not None:
            with self.visiting(fault) as visit:
                assert fault.seen(visit), self.log
        elif tried:
            program, *options = TRIALS[self.name]
            path = self.files[fault] if self.name in WHOLE else self.main(self.files[fault])
            command = [requirements.require_program(program), *options, str(path)]
            done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
            assert done.returncode, done.stderr

    def check_as_it_is(self, conf: str, page: str = "/page") -> None:
        """A file of ``conf/`` has no fault, and works."""
        assert self.faultless(conf) == []
        with self.visiting(conf) as visit:
            assert visit(page).environ["PATH_INFO"] == "/page"

    def examine(self, case: Fault | str) -> list[Finding]:
        """What the doctor finds."""
        user = ACCOUNT if self.sandbox.account else None
        return list(examine(str(self.files[case]), Options(user=user, timeout=PATIENCE)))

    def faultless(self, conf: str) -> list[Finding]:
        """What it finds in a file as it is, and should not."""
        return [finding for finding in self.examine(conf) if finding.severity in (ERROR, WARNING)]

    def visiting(self, case: Fault | str) -> AbstractContextManager[Visit]:
        """A visitor of the site."""
        return nullcontext(Visit(self.ports[case])) if self.at_once else self.alone(case)

    @contextmanager
    def alone(self, case: Fault | str) -> Iterator[Visit]:
        """Boot the server with that configuration only."""
        self.server.start(self.files[case])
        try:
            yield Visit(self.server.port)
        finally:
            # h2o at times takes 10 s for a connection that is closed already.
            self.server.stop(signal.SIGKILL if isinstance(self.server, H2o) else signal.SIGTERM)

    def make_scripts(self) -> None:
        """Scripts of the probe, for a web server that starts them."""
        python = make_venv(self.sandbox)
        for name in ("app.cgi", "app.fcgi"):
            script = self.sandbox.scripts / name
            code = "from gateways import run\nfrom gateways.doctor.probe import application\n\nrun(application)\n"
            script.write_text(f"#!{python}\n{code}")
            script.chmod(0o755)

    def main(self, conf: Path) -> Path:
        """A main configuration that includes that file."""
        self.server.command(conf)
        return self.server.main

    def line(self, where: str) -> str:
        """The text of FILE:LINE."""
        path, _, number = where.rpartition(":")
        return Path(path).read_text().splitlines()[int(number) - 1]

    @property
    def log(self) -> str:
        """The error log of the web server."""
        return self.server.error_log.read_text(errors="replace")[-2000:]
