"""Faults of scripts and ``.htaccess`` on a shared host: how each is made, and what Apache answers then.

The doctor has to name the cause by its ``code``. Where its remedy is a command, the test types it; ``mend`` is for
those that a person has to carry out.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAGE = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    words = ["fine", environ.get("PATH_INFO", ""), environ.get("HTTP_AUTHORIZATION", "nobody")]
    return [" ".join(words).encode("utf-8")]
"""
SCRIPT = f"from gateways import run\n\n\n{PAGE}\n\nrun(application)\n"
NAMED = 'from gateways import run\n\nrun("app:application")\n'


class Place:
    """The directory of a customer's site, with a script that works until it is broken."""

    def __init__(self, directory: Path, python: Path, htaccess: str, fastcgi: bool) -> None:
        self.directory = directory
        self.python = python
        self.venv = python.parents[1]
        self.name = "app.fcgi" if fastcgi else "app.cgi"
        self.script = directory / self.name
        self.htaccess = directory / ".htaccess"
        directory.mkdir()
        self.htaccess.write_text(htaccess)
        self.write(SCRIPT)

    def write(self, text: str, first: str | None = None) -> None:
        """Write the script, with the right first line unless told otherwise."""
        self.script.write_text(f"#!{self.python if first is None else first}\n{text}")
        self.script.chmod(0o755)

    def write_bytes(self, data: bytes) -> None:
        self.script.write_bytes(data)

    def prepend(self, data: bytes) -> None:
        self.write_bytes(data + self.script.read_bytes())

    def replace(self, old: str, new: str) -> None:
        """Change the ``.htaccess``."""
        text = self.htaccess.read_text()
        assert old in text, text
        self.htaccess.write_text(text.replace(old, new))

    def append(self, line: str) -> None:
        with self.htaccess.open("a") as file:
            file.write(f"{line}\n")

    def own_venv(self) -> Path:
        """Give the script a virtual environment of its own, with a Python that is no link; return that."""
        venv = self.directory / "venv"
        shutil.copytree(self.venv, venv, symlinks=True)
        python = venv / "bin" / "python3"
        python.unlink()
        shutil.copyfile(os.path.realpath(self.python), python)
        python.chmod(0o755)
        self.write(SCRIPT, str(python))
        return python


@dataclass(frozen=True)
class Fault:
    """One way to break a site. ``status`` is what Apache answers then; None where the page comes all the same."""

    code: str
    make: Callable[[Place], object]
    status: int | None = 500
    mend: Callable[[Place], object] | None = None
    fastcgi: bool = False
    suffix: str = ""

    @property
    def name(self) -> str:
        return f"{self.code}{self.suffix}{'-fcgi' if self.fastcgi else ''}"


def _without_first_line(place: Place) -> None:
    place.write_bytes(SCRIPT.encode())


def _with_crlf(place: Place) -> None:
    place.write_bytes(place.script.read_bytes().replace(b"\n", b"\r\n"))


def _long_path(place: Place) -> None:
    directory = place.directory
    for letter in "abc":
        directory /= letter * 80
        directory.mkdir()
    (directory / "venv").symlink_to(place.venv)
    place.write(SCRIPT, f"{directory}/venv/bin/python3")


def _python_not_executable(place: Place) -> None:
    place.own_venv().chmod(0o644)


def _python_gone(place: Place) -> None:
    python = place.own_venv()
    python.unlink()
    python.symlink_to("/usr/bin/python3.999")


def _python_closed(place: Place) -> None:
    place.own_venv()
    (place.directory / "venv").chmod(0o700)


def _home_gone(place: Place) -> None:
    """As it is where a Python that was built at another place lost its library; no such one is at hand."""
    python = place.own_venv()
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'encodings'\" >&2\nexit 1\n")
    configuration = place.directory / "venv" / "pyvenv.cfg"
    lines = [line for line in configuration.read_text().splitlines() if not line.startswith("home")]
    configuration.write_text("\n".join(["home = /opt/python3.999/bin", *lines, ""]))


def _make_venv_again(place: Place) -> None:
    shutil.rmtree(place.directory / "venv")
    place.own_venv()


def _old_python(place: Place) -> None:
    """Something that answers as an old Python does; there is none to be had any more."""
    python = place.directory / "python2"
    answer = '{"version": [2, 7, 18], "prefix": "/usr", "gateways": "", "wrong": null}'
    python.write_text(f"#!/bin/sh\n[ \"$1\" = -c ] && echo '{answer}' && exit\necho SyntaxError >&2\nexit 1\n")
    python.chmod(0o755)
    place.write(SCRIPT, str(python))


def _broken_python(place: Place) -> None:
    python = place.directory / "python3"
    python.write_text("#!/bin/sh\necho 'Fatal Python error: init_fs_encoding' >&2\nexit 1\n")
    python.chmod(0o755)
    place.write(SCRIPT, str(python))


def _without_gateways(place: Place) -> None:
    library = next((place.own_venv().parents[1] / "lib").glob("python*/site-packages"))
    (library / "example.pth").unlink()


def _install_again(place: Place) -> None:
    source = next((place.venv / "lib").glob("python*/site-packages")) / "example.pth"
    target = next((place.directory / "venv" / "lib").glob("python*/site-packages"))
    shutil.copyfile(source, target / "example.pth")


def _closed(place: Place) -> None:
    place.directory.chmod(0o700)


def _secret_file(place: Place) -> None:
    secret = place.directory / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    place.write(f"open({str(secret)!r}).read()\n{SCRIPT}")


def _utf8_file(place: Place) -> None:
    (place.directory / "words.txt").write_text("größer\n", encoding="utf-8")
    place.write(f"import os\nopen(os.path.join(os.path.dirname(__file__), 'words.txt')).read()\n{SCRIPT}")
    place.append("SetEnv PYTHONUTF8 0\nSetEnv PYTHONCOERCECLOCALE 0")


def _little_memory(place: Place) -> None:
    place.write(f"hoard = bytearray(400 << 20)\n{SCRIPT}")
    place.append("RLimitMEM 200000000")


def _application(place: Place, text: str = PAGE, name: str = "app.py") -> None:
    (place.directory / name).write_text(text)
    place.write(NAMED)


def _with_mark(place: Place) -> None:
    place.htaccess.write_bytes(b"\xef\xbb\xbf" + place.htaccess.read_bytes().partition(b"\n\n")[2])


def _unreadable(place: Place) -> None:
    place.htaccess.chmod(0o600)


def _no_conditions(place: Place) -> None:
    place.replace("RewriteCond %{REQUEST_FILENAME} !-f\n", "")
    place.replace(f"RewriteRule ^ {place.name} [L]", f"RewriteRule ^(.*)$ {place.name}/$1 [L]")


def _rewrite_nothing(place: Place) -> None:
    place.replace("RewriteEngine On\n", "")


def _source_open(place: Place) -> None:
    _application(place)
    text = place.htaccess.read_text()
    place.htaccess.write_text(text[: text.index("<FilesMatch")])


def _good(place: Place) -> None:
    place.write(SCRIPT)


def mount_noexec(directory: Path) -> bool:
    """Mount a file system with noexec there; say whether that is possible."""
    words = ["mount", "-t", "tmpfs", "-o", "noexec,mode=755,size=1m", "none", str(directory)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


FAULTS = (
    Fault("shebang-missing", _without_first_line),
    Fault("shebang-bom", lambda p: p.prepend(b"\xef\xbb\xbf")),
    Fault("shebang-not-first", lambda p: p.prepend(b"\n  ")),
    Fault("shebang-crlf", _with_crlf),
    Fault("shebang-crlf", _with_crlf, fastcgi=True),
    Fault("shebang-empty", lambda p: p.write(SCRIPT, "")),
    Fault("shebang-relative", lambda p: p.write(SCRIPT, "venv/bin/python3")),
    Fault("shebang-tilde", lambda p: p.write(SCRIPT, "~/venv/bin/python3")),
    Fault("shebang-too-long", _long_path),
    Fault("shebang-arguments", lambda p: p.write(SCRIPT, f"{p.python} -E -s")),
    Fault("shebang-arguments", lambda p: p.write(SCRIPT, f"/usr/bin/env {p.python} -s"), suffix="-env"),
    Fault("interpreter-absent", lambda p: p.write(SCRIPT, "/home/you/venv/bin/python")),
    Fault("interpreter-absent", lambda p: p.write(SCRIPT, "/home/you/venv/bin/python"), fastcgi=True),
    Fault("interpreter-directory", lambda p: p.write(SCRIPT, str(p.venv))),
    Fault("interpreter-not-executable", _python_not_executable),
    Fault("interpreter-not-on-path", lambda p: p.write(SCRIPT, "/usr/bin/env python3.99")),
    Fault("interpreter-closed", _python_closed),
    Fault("interpreter-fails", _broken_python),
    Fault("interpreter-not-python", lambda p: p.write(SCRIPT, "/bin/sh")),
    Fault("venv-dangling", _python_gone),
    Fault("venv-moved", _home_gone, mend=_make_venv_again),
    Fault("python-too-old", _old_python),
    Fault("gateways-absent", _without_gateways, mend=_install_again),
    Fault("syntax-error", lambda p: p.write(SCRIPT.replace("response):", "response)")), mend=_good),
    Fault("source-encoding", lambda p: p.write_bytes(p.script.read_bytes() + b"# gr\xf6\xdfer\n")),
    Fault("script-not-executable", lambda p: p.script.chmod(0o644)),
    Fault("script-unreadable", lambda p: p.script.chmod(0o711)),
    Fault("directory-closed", _closed, 403),
    Fault("stdout-noise", lambda p: p.write(f"print('loading', flush=True)\n{SCRIPT}")),
    Fault("run-no-headers", lambda p: p.write("print('<h1>Hello</h1>')\n"), mend=_good),
    Fault("script-serves-nothing", lambda p: p.write(PAGE)),
    Fault("run-silent", lambda p: p.write("import sys\nsys.exit(3)\nprint()\n"), mend=_good),
    Fault("run-killed", lambda p: p.write(f"import os\nos.kill(os.getpid(), {int(signal.SIGKILL)})\n"), mend=_good),
    Fault("module-absent", lambda p: p.write(f"import nowhere.at_all\n{SCRIPT}"), mend=_good),
    Fault("module-absent", lambda p: _application(p, f"import nowhere\n{PAGE}"), mend=_application, suffix="-named"),
    Fault("module-absent", lambda p: p.write(f"import nowhere\n{SCRIPT}"), mend=_good, fastcgi=True),
    Fault("import-error", lambda p: p.write(f"from json import nothing\n{SCRIPT}"), mend=_good),
    Fault("application-absent", lambda p: _application(p, "aplication = 1\n"), mend=_application),
    Fault("application-file-absent", lambda p: p.write(NAMED), mend=_application),
    Fault("environment-variable-absent", lambda p: p.write(f"import os\nos.environ['SECRET_KEY']\n{SCRIPT}")),
    Fault("file-not-permitted", _secret_file, mend=lambda p: (p.directory / "secret").chmod(0o644)),
    Fault("file-absent", lambda p: p.write(f"open('settings.ini')\n{SCRIPT}"), mend=_good),
    Fault("text-encoding", _utf8_file),
    Fault("out-of-memory", _little_memory, mend=lambda p: p.replace("RLimitMEM 200000000\n", "")),
    Fault("application-exception", lambda p: p.write(f"1 / 0\n{SCRIPT}"), mend=_good),
    Fault("script-only-cgi", lambda p: p.write(SCRIPT.replace("run", "run_with_cgi")), fastcgi=True),
    Fault("htaccess-bom", _with_mark),
    Fault("htaccess-unreadable", _unreadable, 403),
    Fault("htaccess-unknown-directive", lambda p: p.replace("AddHandler", "AddHandlr")),
    Fault("htaccess-not-allowed", lambda p: p.append("FcgidMaxRequestLen 1000000")),
    Fault("htaccess-unclosed", lambda p: p.replace("</FilesMatch>", "")),
    Fault("htaccess-options-mixed", lambda p: p.replace("-MultiViews", "MultiViews")),
    Fault("htaccess-no-execcgi", lambda p: p.replace("+ExecCGI ", ""), 403),
    Fault("htaccess-no-handler", lambda p: p.replace("AddHandler cgi-script .cgi\n", ""), 200),
    Fault("htaccess-rewrite-loop", _no_conditions),
    Fault("htaccess-rewrite-off", _rewrite_nothing, 404),
    Fault("htaccess-rewrite-slash", lambda p: p.replace("RewriteRule ^ app", "RewriteRule ^/ app"), 404),
    Fault("htaccess-rewrite-target", lambda p: p.replace("^ app.cgi", "^ index.cgi"), 404),
)  # fmt: skip
