"""What stands for programs that pages name and tests cannot, or must not, run. Started as ``standins.py NAME``.

Each checks what can be checked; ``STANDINS`` says why the program itself is not run.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

STANDINS = {
    "sudo": "the tests have the rights they need, or go without",
    "pip": "there is no network in a test; the extras it is asked for are looked up",
    "python3": "a virtual environment is made, but without pip, which would take seconds: it has this package at once",
    "apt": "the machine is not the tests'; packages are looked up in the list of ./dev",
    "adduser": "the machine is not the tests'",
    "systemctl": "there is no systemd; a reload runs the check of the web server, or nginx itself",
    "a2enmod": "Apache's own directories are not the tests'; what it would enable is loaded by apache2 -t",
    "a2ensite": "the same",
    "lighty-enable-mod": "lighttpd's own directories are not the tests'; lighttpd -tt reads the file",
    "nginx": "the real one, with the configuration below the sandbox",
    "docker": "there is none; tests/live/test_conf_files.py checks the files",
    "kubectl": "there is none; tests/live/test_kubernetes.py checks the files",
    "supervisorctl": "there is no supervisor; tests/live/test_supervisor.py has one read the files",
    "ssh": "there is no other machine: the command is run here",
    "nc": "each system has another; a socket of Python does what is asked of it here",
    "socat": "HAProxy is not running; tests/live/test_machines.py tells it the same",
}

#: What Debian's apache2 has enabled after its installation.
APACHE = (
    *("mpm_event", "access_compat", "alias", "auth_basic", "authn_core", "authn_file", "authz_core", "authz_host"),
    *("authz_user", "autoindex", "deflate", "dir", "env", "filter", "mime", "negotiation", "reqtimeout", "setenvif"),
    "status",
)
MODULES = Path("/usr/lib/apache2/modules")

ROOT = Path(os.environ.get("DOCS_ROOT", "/nonexistent"))
CHECKOUT = Path(__file__).resolve().parents[2]


def pip(words: list[str]) -> None:
    """``pip install``: the extras exist."""
    assert words[0] == "install", words
    project = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    for word in words[1:]:
        for extra in re.findall(r"^gateways\[([\w,]+)\]$", word):
            assert re.search(rf"^{extra} = \[", project, re.MULTILINE), f"no extra {extra}"


def python3(words: list[str]) -> None:
    """``python3 -m venv DIRECTORY``; anything else is Python's."""
    if words[:2] != ["-m", "venv"]:
        os.execv(sys.executable, [sys.executable, *words])
    from tests.support.publicpython import interpreter  # here, as it takes longer than the rest

    # Web servers' accounts may run it, and it has this package.
    directory, program = Path(words[2]), interpreter() or sys.executable
    subprocess.run([program, "-m", "venv", "--without-pip", directory], check=True)
    library = directory / "package"
    shutil.copytree(CHECKOUT / "gateways", library / "gateways", ignore=shutil.ignore_patterns("__pycache__"))
    (packages,) = directory.glob("lib/python*/site-packages")
    (packages / "gateways.pth").write_text(f"{library.resolve()}\n")
    shutil.copy(ROOT / "bin/pip", directory / "bin/pip")
    command = directory / "bin/gateways"
    command.write_text(f'#!/bin/sh\nexec "{directory.resolve()}/bin/python3" "{CHECKOUT}/tests/docs/serving.py" "$@"\n')
    command.chmod(0o755)


def apt(words: list[str]) -> None:
    """``apt install PACKAGE``: one that the tests install, too."""
    known = (CHECKOUT / "dev").read_text(encoding="utf-8")
    for package in words[1:]:
        assert re.search(rf"\s{re.escape(package)}\s", known), f"{package} is not in the list of ./dev"


def a2enmod(words: list[str]) -> None:
    """Note modules, and those they need."""
    with (ROOT / "apache.modules").open("a") as file:
        for name in words:
            file.write(f"{name}\n")


def a2ensite(words: list[str]) -> None:
    """Note a site."""
    for name in words:
        assert (ROOT / f"etc/apache2/sites-available/{name}.conf").is_file(), f"no site {name}"
        (ROOT / "apache.site").write_text(name)


def _apache_needs(name: str, found: list[str]) -> None:
    if name == "cgi":
        name = "cgid"  # what a2enmod does with a threaded MPM
    load = Path(f"/etc/apache2/mods-available/{name}.load").read_text()
    for depends in re.findall(r"^# Depends: (.*)$", load, re.MULTILINE):
        for other in depends.split():
            _apache_needs(other, found)
    if name not in found:
        found.append(name)


def check_apache() -> None:
    """Have Apache read the site with the modules that were enabled, and Debian's own."""
    modules: list[str] = []
    for name in [*APACHE, *(ROOT / "apache.modules").read_text().split()]:
        _apache_needs(name, modules)
    site = (ROOT / "apache.site").read_text()
    lines = [f"ServerRoot {ROOT}", f"DefaultRuntimeDir {ROOT}/run", "ServerName example.org", "TypesConfig /dev/null"]
    lines += [f"ErrorLog {ROOT}/var/log/apache.log"]
    lines += [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules]
    lines += [f"Include {ROOT}/etc/apache2/sites-available/{site}.conf"]
    (ROOT / "apache.conf").write_text("\n".join(lines) + "\n")
    (ROOT / "apache.modules").unlink()
    subprocess.run(["apache2", "-t", "-f", ROOT / "apache.conf"], check=True)


def lighty_enable_mod(words: list[str]) -> None:
    """Have lighttpd read the file."""
    (name,) = words
    (ROOT / "lighttpd.conf").write_text(
        'server.document-root = "/var/www"\nserver.port = 8080\n'
        f'include "{ROOT}/etc/lighttpd/conf-available/50-{name}.conf"\n'
    )
    subprocess.run(["lighttpd", "-tt", "-f", ROOT / "lighttpd.conf"], check=True)


def _nginx_main() -> Path:
    main = ROOT / "nginx.conf"
    kinds = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
    temporary = "".join(f"    {kind}_temp_path {ROOT}/run/nginx-{kind};\n" for kind in kinds)
    user = "user www-data;\n" if os.geteuid() == 0 else ""
    main.write_text(
        f"{user}worker_processes 1;\npid {ROOT}/run/nginx.pid;\nerror_log {ROOT}/var/log/nginx.log;\n"
        f"events {{ worker_connections 64; }}\n"
        f"http {{\n    access_log off;\n{temporary}    include {ROOT}/etc/nginx/conf.d/*.conf;\n}}\n"
    )
    return main


def nginx(words: list[str]) -> None:
    """``nginx -t``."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program, "nginx is not installed"
    log = ROOT / "var/log/nginx.log"
    log.touch()
    os.execv(program, [program, "-p", str(ROOT), "-e", str(log), "-c", str(_nginx_main()), *words])


def systemctl(words: list[str]) -> None:
    """``reload`` of a web server does something; the rest is only named."""
    if words == ["reload", "apache2"]:
        check_apache()
    pid = ROOT / "run/nginx.pid"
    if words == ["reload", "nginx"] and not (pid.exists() and pid.read_text()):
        nginx([])


def ssh(words: list[str]) -> None:
    """Run the command here."""
    os.execvp(words[1], words[1:])


def nc(words: list[str]) -> None:
    """``nc -NU PATH``: send standard input to a Unix socket, print what comes back."""
    flags, path = words
    assert flags == "-NU"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(sys.stdin.buffer.read())
        connection.shutdown(socket.SHUT_WR)
        while data := connection.recv(65536):
            sys.stdout.buffer.write(data)


def adduser(words: list[str]) -> None:
    """Nothing."""


docker = kubectl = socat = supervisorctl = adduser

if __name__ == "__main__":
    globals()[sys.argv[1].replace("-", "_")](sys.argv[2:])
