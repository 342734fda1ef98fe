"""A directory that stands for the machine a deployment runs on: /srv/example, /run/gateways and /var/log below /tmp.

Web servers run in it as an ordinary account. When the tests run as root that is www-data, as on a real machine: so a
web server spawns a Python that this account can run, and all that is imported is copied to where it can read it.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "gateways"
ACCOUNT = "www-data"

FRAMEWORKS = (
    *("flask", "werkzeug", "jinja2", "markupsafe", "click", "itsdangerous", "blinker", "importlib_metadata", "zipp"),
    *("django", "asgiref", "sqlparse", "typing_extensions.py"),
)
"""What Flask and Django need at run time."""

Account = Mapping[str, Any]
"""Arguments for subprocess: who a process runs as."""


def web_account() -> Account:
    """The account of the web servers: www-data for root, and nobody else for anybody else."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(ACCOUNT)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sandbox:
    """One temporary machine; `close` removes it.

    - srv/example/cgi-bin: the scripts of cgi-bin/, their first line changed to the Python of srv/example/venv
    - srv/example/public, srv/example/static: files that need no application
    - srv/example/hosting: a document root for .htaccess
    - run, log: sockets and logs; signals: files by which tests and applications tell each other what happened
    """

    def __init__(self) -> None:
        # Short, because a Unix socket's path holds 107 bytes at most.
        self.root = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
        self.account = web_account()
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
        self.python = self._make_venv()
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
        text = (PROJECT / "conf" / conf).read_text()
        for literal, value in replace.items():
            assert literal in text, f"conf/{conf} no longer holds {literal!r}"
            text = text.replace(literal, value)
        target = self.root / Path(conf).name
        target.write_text(text)
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

    def _install_scripts(self) -> None:
        for name in ("hello.cgi", "app.cgi", "app.fcgi"):
            self.install_script(PROJECT / "cgi-bin" / name, self.scripts)
        self.install_application(self.scripts)

    def own(self, *paths: Path) -> None:
        """Give paths to the account of the web servers."""
        if self.account:
            for path in paths:
                os.chown(path, self.account["user"], self.account["group"])

    def _make_venv(self) -> Path:
        """A virtual environment with gateways, Flask and Django that the web account can run."""
        base = self._interpreter()
        subprocess.run([base, "-m", "venv", "--without-pip", self.srv / "venv"], check=True, stdout=subprocess.DEVNULL)
        library = self.root / "lib"
        shutil.copytree(PACKAGE, library / "gateways", ignore=shutil.ignore_patterns("__pycache__"))
        (packages,) = (self.srv / "venv" / "lib").glob("python*/site-packages")
        found = importlib.util.find_spec("flask")
        if found and found.origin:
            self._copy_frameworks(Path(found.origin).parents[1], library)
        (packages / "example.pth").write_text(f"{library}\n")
        command = self.srv / "venv" / "bin" / "gateways"
        start = "import sys\nfrom gateways.cli import main\nsys.exit(main())\n"
        command.write_text(f"#!{self.srv}/venv/bin/python3\n{start}")
        command.chmod(0o755)
        # Or every CGI request would compile the framework anew.
        self.own(library, *(path for path in library.rglob("*") if path.is_dir()))
        return self.srv / "venv" / "bin" / "python3"

    def _interpreter(self) -> str:
        """The Python that runs the tests, or the system's where the web account may not run that one."""
        for candidate in (sys.executable, "/usr/bin/python3"):
            try:
                subprocess.run([candidate, "-c", "import wsgiref"], check=True, cwd="/", **self.account)
            except (OSError, subprocess.CalledProcessError):
                continue
            return candidate
        raise RuntimeError(f"{ACCOUNT} can run neither {sys.executable} nor /usr/bin/python3")

    @staticmethod
    def _copy_frameworks(packages: Path, library: Path) -> None:
        ignore = shutil.ignore_patterns("__pycache__", "LC_MESSAGES", "*.so")
        for name in FRAMEWORKS:
            source = packages / name
            if source.is_dir():
                shutil.copytree(source, library / name, ignore=ignore)
            elif source.is_file():
                shutil.copyfile(source, library / name)
