"""The machine on which the commands of one page are run: a directory, with other names for its paths and ports."""

from __future__ import annotations

import grp
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.docs import serving
from tests.docs.blocks import Block
from tests.docs.standins import STANDINS
from tests.live.sandbox import free_port
from tests.support.source import CHECKOUT

HERE = Path(__file__).resolve().parent
TIME = 100
"""Seconds for a block."""

APPLICATION = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello\\n"]


def create_app():
    return application
"""
ASGI = """\
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"Hello"})
"""
#: The programs that the pages speak of.
FILES = {
    "app.py": APPLICATION,
    "blog.py": APPLICATION,
    "shop/__init__.py": APPLICATION,
    "shop/wsgi.py": APPLICATION,
    "shop/main.py": ASGI,
    "shop.wsgi": APPLICATION,
    "mysite/__init__.py": "",
    "mysite/wsgi.py": APPLICATION,
    "/home/you/public_html/app.py": APPLICATION,
    "/var/log/apache2/error.log": "",
    "picture.png": "not really\n",
}
#: What gateways doctor and gateways init see of the host.
APACHE = """\
ServerRoot /etc/apache2
LoadModule cgid_module modules/mod_cgid.so
LoadModule fcgid_module modules/mod_fcgid.so
LoadModule rewrite_module modules/mod_rewrite.so
<Directory /home/you>
    AllowOverride All
</Directory>
"""
DIRECTORIES = (
    *(
        "etc/nginx/conf.d",
        "etc/apache2/sites-available",
        "etc/systemd/system",
        "etc/supervisor/conf.d",
        "etc/lighttpd/conf-available",
    ),
    *(
        "etc/caddy",
        "etc/supervisor/conf.d",
        "etc/haproxy",
        "etc/h2o",
        "etc/gateways",
        "run/lighttpd",
        "run/gateways",
        "srv/example",
        "home/you/www",
    ),
    *("var/log/shop", "var/log/apache2", "var/log/gateways", "var/log/nginx", "tmp", "bin"),
)


class Machine:
    """``directory`` is where the next command is run: at first a copy of this project, with the programs in it.

    ``close`` ends what runs on it, and removes it.
    """

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp"))
        self.root.chmod(0o755)
        self._ports: dict[str, int] = {}
        for directory in DIRECTORIES:
            (self.root / directory).mkdir(parents=True, exist_ok=True)
        self.home = self.root / "home/you"
        self.directory = self.home / "gateways"
        for name in ("shop", "mysite", "blog"):
            (self.root / "srv" / name).symlink_to("example")
        for name, text in FILES.items():
            for directory in ("/srv/example", "/home/you/gateways"):
                self.write(name if name.startswith("/") else f"{directory}/{name}", text)
        for name in ("conf", "cgi-bin"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(CHECKOUT / name, self.directory / name, ignore=ignore)
        self.write("/etc/apache2/apache2.conf", self.translate(APACHE))
        self.write("/etc/gateways/ajp.secret", "a secret\n").chmod(0o600)
        self.write("/home/you/.curlrc", "silent\nshow-error\n")  # as where it prints to a terminal
        for name in STANDINS:
            self._program(name, HERE / "standins.py", name)
        self._program("gateways", HERE / "serving.py")
        (self.root / "bin/sudo").write_text('#!/bin/sh\nexec "$@"\n')

    def close(self) -> None:
        """End everything."""
        for kind in ("trace", "front", "serve", "nginx"):
            serving.stop(self.root, kind)
        shutil.rmtree(self.root, ignore_errors=True)

    def _program(self, name: str, script: Path, *words: str) -> None:
        path = self.root / "bin" / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" {" ".join(words)} "$@"\n')
        path.chmod(0o755)

    def port(self, number: str) -> int:
        """Return the free port that stands for one that a page names."""
        if number not in self._ports:
            self._ports[number] = free_port()
        return self._ports[number]

    def translate(self, text: str) -> str:
        """Give paths, addresses and groups the names that they have here."""
        text = re.sub(r"(?<![\w./~$-])/(etc|srv|run|var|home|tmp)(?=/)", rf"{self.root}/\1", text)
        text = re.sub(r"(?<![\w./-])~/", f"{self.home}/", text)
        text = re.sub(r"\b(?:10(?:\.\d+){3}|0\.0\.0\.0)(?=:\d)", "127.0.0.1", text)
        text = re.sub(r"(?<=:)\d{4}\b(?!-)", lambda match: str(self.port(match[0])), text)
        text = re.sub(r"\blisten (\d+);", lambda match: f"listen 127.0.0.1:{self.port(match[1])};", text)

        text = re.sub(r"(?<=\S) &$", "", text, flags=re.MULTILINE)
        text = re.sub(r'^((?:user|socket_owner) = )"\w+"', rf'\1"{os.geteuid()}"', text, flags=re.MULTILINE)
        text = re.sub(r'^((?:socket_)?group = )"[\w-]+"', rf'\1"{os.getegid()}"', text, flags=re.MULTILINE)

        def known(match: re.Match[str]) -> str:
            return match[0] if os.geteuid() == 0 and _is_group(match[2]) else ""

        return re.sub(r"(--socket-group|-g) ([\w-]+)", known, text)

    def write(self, name: str, text: str) -> Path:
        """Write a file. A name that is not absolute is one in the present directory."""
        path = self.root / name[1:] if name.startswith("/") else self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def keep(self, block: Block) -> None:
        """Write the file that a block says it is."""
        if block.file:
            path = self.write(block.file.replace("~", "/home/you", 1), self.translate(block.text))
            if block.text.startswith("#!"):
                path.chmod(0o755)

    def run(self, commands: str, *, together: bool = False) -> subprocess.CompletedProcess[str]:
        """Run commands, each of which has to succeed, where the last ones have left off.

        ``together``: what they print on standard error is in ``stdout``, as on a terminal.
        """
        end = self.root / "directory"
        script = f"cd '{self.directory}'\n{self.translate(commands)}\npwd > '{end}'\n"
        environment = {
            **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")},
            "PATH": f"{self.root}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": str(CHECKOUT),
            "HOME": str(self.home),
            "USER": str(os.geteuid()),
            "DOCS_ROOT": str(self.root),
            "DOCS_PORT_8000": str(self.port("8000")),
        }
        done = subprocess.run(
            ["sh", "-e", "-c", script], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT if together else subprocess.PIPE,
            text=True, timeout=TIME, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            self.directory = Path(end.read_text().strip())
        return done


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


@contextmanager
def machine() -> Iterator[Machine]:
    """Have a machine."""
    made = Machine()
    try:
        yield made
    finally:
        made.close()
