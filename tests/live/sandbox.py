"""A directory that stands for the machine a deployment runs on: /srv/example, /run/gateways and /var/log below /tmp.

Web servers run in it as an ordinary account. When the tests run as root that is www-data, as on a real machine.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.resident import install_programs

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "gateways"
ACCOUNT = "www-data"

FRAMEWORKS = (
    *("flask", "werkzeug", "jinja2", "markupsafe", "click", "itsdangerous", "blinker", "importlib_metadata", "zipp"),
    *("django", "asgiref", "sqlparse", "typing_extensions.py"),
)
"""What Flask and Django need at run time."""


def as_web_account() -> tuple[str, ...]:
    """The beginning of a command that runs as the account of the web servers: www-data, if we are root.

    Where root keeps the Python of the tests to himself (version managers like to live in /root), the account may read
    it all the same, by the smallest capability there is: scripts should run under that Python and no other.
    """
    if os.geteuid() != 0:
        return ()
    drop = ("setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups")
    if _runs(drop):
        return drop
    for name in ("dac_read_search", "dac_override"):
        capable = (*drop, f"--inh-caps=+{name}", f"--ambient-caps=+{name}")
        if _runs(capable):
            return capable
    raise RuntimeError(f"{ACCOUNT} cannot run {sys.executable}: use a Python outside of root's own directories")


def _runs(prefix: tuple[str, ...]) -> bool:
    """Say whether a process that was started like this can run the Python of the tests itself."""
    command = [*prefix, "sh", "-c", 'exec "$0" -c "import sys; print(sys.version)"', sys.executable]
    result = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    return result.stdout.strip() == sys.version


def free_port() -> int:
    """A TCP port of the loopback interface, kept for who asks for it, with SO_REUSEADDR, until the tests end.

    Nobody else is given it: it is bound here, by a socket that does not listen.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port = int(probe.getsockname()[1])
    os.set_inheritable(probe.detach(), False)  # open from now on
    return port


def changed(text: str, replace: Mapping[str, str]) -> str:
    """Change literal texts, each of which must be there."""
    for literal, value in replace.items():
        assert literal in text, f"{literal!r} is not there any more:\n{text}"
        text = text.replace(literal, value)
    return text


class Sandbox:
    """One temporary machine; `close` removes it.

    - srv/example/cgi-bin: the scripts of cgi-bin/, their first line changed to the Python of srv/example/venv
    - srv/example/public, srv/example/static: files that need no application
    - srv/example/hosting: a document root for .htaccess
    - run, log: sockets and logs; signals: files by which tests and applications tell each other what happened

    Without ``applications``, the first and its Python are left out: that saves some seconds. Without ``frameworks``
    only Flask and Django are.
    """

    def __init__(self, *, applications: bool = True, frameworks: bool = True) -> None:
        # Short, because a Unix socket's path holds 107 bytes at most.
        self.root = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
        self.account = as_web_account()
        self.srv = self.root / "srv" / "example"
        self.scripts = self.srv / "cgi-bin"
        self.run = self.root / "run"
        self.logs = self.root / "log"
        self.signals = self.root / "signals"
        for directory in (self.scripts, self.srv / "public", self.srv / "static", self.srv / "hosting"):
            directory.mkdir(parents=True)
        for directory in (self.run, self.logs, self.signals):
            directory.mkdir()
        (self.srv / "static" / "style.css").write_text("body { color: black }\n")
        (self.srv / "public" / "index.html").write_text("other content\n")
        self.root.chmod(0o755)
        self.own(self.run, self.logs, self.signals)
        self.signals.chmod(0o777)
        if applications:
            self.python = self._make_venv(frameworks)
            self._install_scripts()

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.root, ignore_errors=True)

    def signal(self, name: str) -> Path:
        """A path that does not exist yet, by which a test and an application can tell each other something."""
        directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.signals))
        directory.chmod(0o777)
        return directory / name

    def configure(self, conf: str | Path, replace: Mapping[str, str]) -> Path:
        """Copy a file of conf/ and change the literal texts in `replace`, each of which must be there."""
        return self.adapt(Path(conf).name, (PROJECT / "conf" / conf).read_text(), replace)

    def adapt(self, name: str, text: str, replace: Mapping[str, str]) -> Path:
        """Write a file of that name, with the literal texts in `replace` changed."""
        target = self.root / name
        target.write_text(changed(text, replace))
        return target

    def install_script(self, source: Path, directory: Path) -> Path:
        """Copy an executable script, and change its first line as a person who deploys it would."""
        first, rest = source.read_text().split("\n", 1)
        assert first == "#!/usr/bin/env python3", f"the first line of {source.name} has changed"
        target = directory / source.name
        target.write_text(f"#!{self.python}\n{rest}")
        target.chmod(0o755)
        return target

    def install_application(self, directory: Path) -> None:
        """Copy the applications of the tests; app.py is the one that chooses among them."""
        for source, name in (
            (PROJECT / "tests/apps/choose.py", "app.py"),
            (PROJECT / "tests/apps/probe.py", "probe.py"),
            (PROJECT / "tests/apps/flask_app.py", "flask_app.py"),
            (PROJECT / "tests/apps/django_app.py", "django_app.py"),
            (PROJECT / "cgi-bin/app.py", "demo.py"),
        ):
            shutil.copyfile(source, directory / name)

    def install_resident(self, name: str, kind: str = "c") -> dict[str, str]:
        """Install the scripts with gateways-cgi as their interpreter; return what it changes in a file of conf/.

        ``kind`` is "c" or "python". The directory of the sockets is ours, and not the account's for all it does.
        """
        program = install_programs(self.python.parent, kind, str(self.python))
        directory = self.srv / name
        directory.mkdir(exist_ok=True)
        for source in ("hello.cgi", "app.cgi", "app.fcgi"):
            script = self.install_script(PROJECT / "cgi-bin" / source, directory)
            script.write_text(script.read_text().replace(f"#!{self.python}\n", f"#!{program}\n"))
        self.install_application(directory)
        passed = "        CGIPassAuth On\n"
        return {
            "/srv/example/cgi-bin": f"/srv/example/{name}",
            passed: f"{passed}        SetEnv GATEWAYS_RESIDENT_DIR {self.resident}\n",
        }

    @property
    def resident(self) -> Path:
        """The directory for the sockets of processes that stay for CGI scripts."""
        return self.run / "resident"

    def stop_resident(self) -> None:
        """End the processes that stay for CGI scripts."""
        command = [*self.account, str(self.python.with_name("gateways")), "resident", "stop", "--all"]
        subprocess.run(command, env={"GATEWAYS_RESIDENT_DIR": str(self.resident)}, cwd="/", check=True)

    def _install_scripts(self) -> None:
        for name in ("hello.cgi", "app.cgi", "app.fcgi"):
            self.install_script(PROJECT / "cgi-bin" / name, self.scripts)
        self.install_application(self.scripts)

    def own(self, *paths: Path) -> None:
        """Give paths to the account of the web servers."""
        if self.account:
            for path in paths:
                shutil.chown(path, ACCOUNT, ACCOUNT)

    def _make_venv(self, frameworks: bool) -> Path:
        """A virtual environment with this checkout's gateways, and with the tests' own Flask and Django."""
        venv = self.srv / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, stdout=subprocess.DEVNULL)
        library = self.root / "lib"
        shutil.copytree(PACKAGE, library / "gateways", ignore=shutil.ignore_patterns("__pycache__"))
        found = importlib.util.find_spec("flask") if frameworks else None
        if found and found.origin:
            _copy_frameworks(Path(found.origin).parents[1], library)
        # Owned, so that what is compiled can be kept: or every CGI request would compile the framework anew.
        self.own(library, *(path for path in library.rglob("*") if path.is_dir()))
        (packages,) = (venv / "lib").glob("python*/site-packages")
        (packages / "example.pth").write_text(f"{library}\n")
        command = venv / "bin" / "gateways"
        command.write_text(f"#!{venv}/bin/python3\nimport sys\nfrom gateways.cli import main\nsys.exit(main())\n")
        command.chmod(0o755)
        return venv / "bin" / "python3"


def _copy_frameworks(packages: Path, library: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "LC_MESSAGES")
    for name in FRAMEWORKS:
        source = packages / name
        if source.is_dir():
            shutil.copytree(source, library / name, ignore=ignore)
        elif source.is_file():
            shutil.copyfile(source, library / name)
