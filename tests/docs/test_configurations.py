"""Every configuration in the pages is accepted by the program that it is for."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateways.settings import Settings
from gateways.settings.othernames import PROGRAMS
from tests.docs.blocks import PAGES, Block, blocks, name_of, prose
from tests.docs.machine import Machine, machine
from tests.docs.standins import MODULES
from tests.support import requirements

#: What is not for a program: what programs print, trees of files, other people's commands.
OUTPUT = ("", "text")
#: Languages that other tests look at.
ELSEWHERE = ("sh", "console", "python")

APACHE = (
    *(
        "mpm_event",
        "authn_core",
        "authz_core",
        "alias",
        "mime",
        "env",
        "setenvif",
        "rewrite",
        "cgid",
        "proxy",
        "headers",
    ),
    *("proxy_fcgi", "proxy_scgi", "proxy_uwsgi", "proxy_ajp", "proxy_http", "auth_basic", "authn_file", "authz_user"),
    *("authnz_fcgi", "slotmem_shm", "proxy_balancer", "lbmethod_bybusyness", "fcgid", "dir", "ssl", "socache_shmcb"),
)


@pytest.fixture(scope="module")
def place() -> Iterator[Machine]:
    with machine() as made:
        yield made


def accepted(*command: object) -> None:
    """Run the check of a web server."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def nginx(place: Machine, block: Block) -> None:
    requirements.require_program("nginx")
    for name in ("fastcgi_params", "scgi_params", "uwsgi_params"):
        shutil.copy(f"/etc/nginx/{name}", place.root)
    text = place.translate(block.text)
    if not re.search(r"^server \{", text, re.MULTILINE):
        text = f"server {{\nlisten 127.0.0.1:{place.port('80')};\n{text}\n}}\n"
    path = place.write("/etc/nginx/conf.d/block.conf", text)
    try:
        done = place.run("nginx -t")
    finally:
        path.unlink()
    assert done.returncode == 0, done.stderr


def apache(place: Machine, block: Block) -> None:
    program = requirements.require_program("apache2")
    requirements.require_file(MODULES / "mod_fcgid.so", "libapache2-mod-fcgid")
    whole = re.search(
        r"^\s*<(VirtualHost|Directory|Location)|^\s*(\w*Alias|Proxy\w*|Listen) ", block.text, re.MULTILINE
    )
    text = place.translate(block.text)
    if not whole:  # what stands in .htaccess
        text = f"<Directory /srv/example>\n{text}\n</Directory>"
    modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in APACHE)
    path = place.write(
        "/tmp/apache.conf",
        f"ServerRoot {place.root}\nDefaultRuntimeDir {place.root}/run\nErrorLog {place.root}/tmp/log\n"
        f"ServerName example.org\nTypesConfig /dev/null\n{modules}{text}\n",
    )
    accepted(program, "-t", "-f", path)


def lighttpd(place: Machine, block: Block) -> None:
    head = 'server.document-root = "/var/www"\nserver.port = 8080\n'
    path = place.write("/tmp/lighttpd.conf", head + place.translate(block.text))
    accepted(requirements.require_program("lighttpd"), "-tt", "-f", path)


def caddyfile(place: Machine, block: Block) -> None:
    text = place.translate(block.text)
    if not re.search(r"^\S+ \{", text, re.MULTILINE):
        text = f"example.org {{\n{text}\n}}\n"
    path = place.write("/tmp/Caddyfile", text)
    accepted(requirements.require_program("caddy"), "validate", "--adapter", "caddyfile", "--config", path)


def haproxy(place: Machine, block: Block) -> None:
    path = place.write("/tmp/haproxy.cfg", place.translate(block.text))
    accepted(requirements.require_program("haproxy"), "-c", "-f", path)


def h2o(place: Machine, block: Block) -> None:
    path = place.write("/tmp/h2o.conf", place.translate(block.text))
    accepted(requirements.require_program("h2o"), "-t", "-c", path)


def yaml(place: Machine, block: Block) -> None:
    list(requirements.require_module("yaml").safe_load_all(block.text))


def toml(place: Machine, block: Block) -> None:
    """A part of a file is completed by the application it is about."""
    text = place.translate(block.text)
    if "[" not in re.sub(r'"[^"]*"', "", text):
        text = f"[pool.app]\nfastcgi = ':9000'\nworkers = 1\n{text}"
    for pool in re.findall(r"^\[pool\.\w+\]\n(?:(?!\[).*\n?)*", text, re.MULTILINE):
        if "application =" not in pool:
            text = text.replace(pool, pool.rstrip("\n") + '\napplication = "app"\n')
    place.write("/tmp/gateways.toml", text)
    done = place.run("gateways check-config /tmp/gateways.toml")
    assert done.returncode == 0, done.stderr


def ini(place: Machine, block: Block) -> None:
    """Units of systemd, programs of supervisor, and what uWSGI reads."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(block.text)
    kinds = {section.partition(":")[0] for section in parser.sections()}
    if kinds == {"uwsgi"}:
        names = {name.replace("-", "_") for name in parser["uwsgi"]}
        theirs = {name.replace("-", "_") for row in PROGRAMS["uWSGI"].values() for name in row.split()}
        assert names - theirs - set(Settings.settings) == set()
    elif kinds <= {"Unit", "Service", "Socket", "Install", "Timer"}:
        unit(place, block, "service" if "Service" in kinds else "socket")
    else:
        assert kinds <= {"program", "fcgi-program", "supervisord", "group"}, kinds


def unit(place: Machine, block: Block, kind: str) -> None:
    program = requirements.find_program("systemd-analyze")
    if program:
        text = re.sub(r"^(Exec\w+)=\S+", r"\1=/bin/true", block.text, flags=re.MULTILINE)
        path = place.write(f"/tmp/block.{kind}", text)
        done = subprocess.run([program, "verify", path], capture_output=True, text=True, check=False)
        assert "block." not in done.stderr, done.stderr


def php(place: Machine, block: Block) -> None:
    """Where there is one."""
    program = requirements.find_program("php")
    if program:
        accepted(program, "-l", place.write("/tmp/block.php", block.text))


def as_json(place: Machine, block: Block) -> None:
    json.loads(block.text)


CHECKS: dict[str, Callable[[Machine, Block], Any]] = {
    "nginx": nginx,
    "apache": apache,
    "htaccess": apache,
    "lighttpd": lighttpd,
    "caddyfile": caddyfile,
    "haproxy": haproxy,
    "h2o": h2o,
    "yaml": yaml,
    "toml": toml,
    "ini": ini,
    "json": as_json,
    "php": php,
}


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("block", blocks(*CHECKS), ids=lambda block: f"{block.where}:{block.language}")
def test_a_configuration_is_accepted(place: Machine, block: Block) -> None:
    CHECKS[block.language](place, block)


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("nginx", "location / {\n    fastcgi_pas unix:/run/app.sock;\n}\n"),
        ("apache", "Optons +ExecCGI\n"),
        ("lighttpd", 'server.modules += ( "mod_fastcgi" \n'),
        ("caddyfile", "example.org {\n    revers_proxy unix//run/app.sock\n}\n"),
        ("haproxy", "backend one\n    modee http\n"),
        ("h2o", "hostss:\n"),
        ("toml", "wokers = 1\n"),
    ],
)
def test_a_slip_is_seen(place: Machine, language: str, text: str) -> None:
    with pytest.raises(AssertionError):
        CHECKS[language](place, Block("page", 1, language, text))


def test_every_language_has_a_test() -> None:
    """One that is new gets a row in CHECKS."""
    unknown = [block.where for block in blocks() if block.language not in (*OUTPUT, *ELSEWHERE, *CHECKS)]
    assert unknown == []


def test_what_is_to_be_run_has_a_language() -> None:
    """Commands of ours are in blocks that are run, but for those whose words stand for others (ADDR, [flags])."""
    found = [block.where for block in blocks(*OUTPUT) if re.search(r"^(\$ )?gateways ", block.text, re.MULTILINE)]
    for path in PAGES:
        for line in re.findall(r"^ {4}(gateways .*)$", prose(path), re.MULTILINE):
            if not re.search(r"\b[A-Z]{3,}\b|\[", line) and name_of(path) != "reference/command-line":
                found.append(f"{name_of(path)}: {line}")
    assert found == []
