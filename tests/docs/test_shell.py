"""The commands of the pages are run, in their order, and print what the page says they print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, Block, blocks, name_of
from tests.docs.machine import Machine, machine
from tests.docs.standins import STANDINS
from tests.support import requirements

pytestmark = [pytest.mark.live, pytest.mark.slow]

SHELL = ("sh", "console")

#: Commands that are not run, by their beginning, and why.
EXCEPT = {
    "./dev": "it has started this test; test_project.py looks at its words",
    "gateways trace --read ~/captures --json": "nothing is malformed there: grep ends with 1",
}

#: What the text of a page has the reader do, or what has to run, before the block that has this text in it.
BEFORE: dict[str, dict[str, str]] = {
    "howto/caddy": {"caddy validate": "cp conf/caddy/Caddyfile /etc/caddy/Caddyfile"},
    "howto/haproxy": {"haproxy -c": "cp conf/haproxy/fastcgi.cfg /etc/haproxy/haproxy.cfg"},
    "howto/h2o": {
        "h2o -t": "cp conf/h2o/fastcgi.conf /etc/h2o/h2o.conf; sed -i s,/var/log/h2o,/tmp, /etc/h2o/h2o.conf"
    },
    "howto/lighttpd": {
        "lighty-enable-mod": "cp conf/lighttpd/fastcgi.conf /etc/lighttpd/conf-available/50-example.conf"
    },
    "howto/nginx": {"nginx -t": "cp ~/gateways/conf/nginx/fastcgi.conf /etc/nginx/conf.d/example.conf"},
    "howto/resident-cgi": {
        "gateways resident\n": "python3 -m venv ~/venv; cd ~/; mkdir cgi-bin; cp gateways/cgi-bin/app.* cgi-bin"
    },
    "howto/shared-hosting": {"gateways init": "cd ~/"},
    "howto/troubleshooting": {
        "gateways doctor public_html ": "python3 -m venv ~/venv; ~/venv/bin/gateways init --cgi ~/public_html; cd ~/; "
        "mkdir cgi-bin; cp public_html/app.* cgi-bin"
    },
    "howto/processes": {
        "gateways reload": "export GATEWAYS_CONTROL=/run/control; "
        "gateways serve shop.wsgi --workers 1 --fastcgi :9000 --control /run/control --pid-file /run/app.pid",
        "gateways upgrade": "export GATEWAYS_CONTROL=/run/control",
    },
    "howto/see-what-passes": {
        "--take-over\n": "gateways serve app --fastcgi unix:/run/gateways/app.sock --fastcgi 127.0.0.1:9000 "
        "--scgi unix:/run/app.sock --uwsgi :3031 --ajp :8009 --http :8000"
    },
    "howto/several-machines": {
        "sed -i": "cp conf/nginx/several-machines.conf /etc/nginx/conf.d/example.conf",
        "tell set server": "gateways serve app --workers 1 --fastcgi :9000 --control /run/gateways/control",
    },
    "reference/control": {
        "nc -NU": "mkdir -p /run/app; gateways serve app --workers 2 --fastcgi :9000 --control /run/app/control"
    },
    "reference/client": {
        "/status?full=1": "gateways serve app:application "
        "--fastcgi unix:/run/app.sock --fastcgi :9000 --scgi :4000 --http :8000"
    },
}


def before(block: Block) -> str:
    """Return what comes before a block."""
    return "\n".join(commands for text, commands in BEFORE.get(block.page, {}).items() if text in block.text)


def needs(text: str) -> None:
    """Skip, or fail in CI, where a server that the commands start is not there."""
    for program in ("nginx", "caddy", "haproxy", "h2o"):
        if re.search(rf"(^|\s){program} (-|validate)", text, re.MULTILINE):
            requirements.require_program(program)
    if "a2enmod" in text:
        requirements.require_program("apache2")
    if "mod_fcgid" in text or "a2enmod fcgid" in text:
        requirements.require_file("/usr/lib/apache2/modules/mod_fcgid.so", "libapache2-mod-fcgid")
    if "lighty-enable-mod" in text:
        requirements.require_program("lighttpd")


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Split a session at a terminal into its commands, each with what it prints."""
    for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = step.partition("\n")
        yield command, output


def printed(expected: str, output: str) -> bool:
    """Say whether a command has printed what the page says; ``...`` stands for anything, as a line also for none."""
    pattern = "".join(
        ".*" if part[:3] == "..." else re.escape(part)
        for part in re.split(r"(^\.\.\.\n|\.\.\.)", expected, flags=re.MULTILINE)
    )
    return re.fullmatch(pattern, output, re.DOTALL) is not None


def without_exceptions(text: str) -> str:
    """Leave out the lines of ``EXCEPT``."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(tuple(EXCEPT)))


def do(page: Machine, block: Block) -> None:
    """Run a block."""
    if block.language == "sh":
        done = page.run(f"{before(block)}\n{without_exceptions(block.text)}")
        assert done.returncode == 0, f"{block.where}: {done.stdout}{done.stderr}"
        return
    if before(block):
        assert page.run(before(block)).returncode == 0
    for command, output in steps(block.text):
        done = page.run(command, together=True)
        fails = "gateways: error:" in output  # and the page shows how
        assert (done.returncode != 0) == fails, f"{block.where}: {command}: {done.stdout}{done.stderr}"
        if output:
            expected = page.translate(output)
            assert printed(expected, done.stdout), f"{block.where}: {command} printed {done.stdout!r}, not {expected!r}"


def with_commands() -> list[Path]:
    """Return the pages that have any."""
    return [path for path in PAGES if blocks(*SHELL, path=path)]


@pytest.mark.parametrize("path", with_commands(), ids=name_of)
def test_commands_of_a_page(path: Path) -> None:
    needs("\n".join(block.text for block in blocks(*SHELL, path=path)))
    with machine() as page:
        for block in blocks(path=path):
            if block.language in SHELL:
                do(page, block)
            else:
                page.keep(block)


def test_no_exception_is_left_over() -> None:
    found = blocks(*SHELL)
    for page, texts in BEFORE.items():
        assert [text for text in texts if not any(text in block.text for block in found if block.page == page)] == []
    text = "\n" + "\n".join(block.text for block in blocks(*SHELL))
    assert [name for name in EXCEPT if f"\n{name}" not in text] == []
    assert [name for name in STANDINS if not re.search(rf"(^|[\s(/]){name}\s", text, re.MULTILINE)] == []


@pytest.mark.parametrize(
    ("expected", "output", "same"),
    [
        ("a\n", "a\n", True),
        ("a\n", "b\n", False),
        ("a ... c\n", "a b c\n", True),
        ("a.c\n", "abc\n", False),
        ("a\n...\nb\n", "a\nb\n", True),
    ],
)
def test_output_is_compared(expected: str, output: str, same: bool) -> None:
    assert printed(expected, output) is same


def test_a_command_that_fails_is_seen() -> None:
    with machine() as page:
        assert page.run("gateways serve nothing:application --fastcgi unix:/run/a.sock").returncode == 3
        assert page.run("gateways serve app:application --fastcg unix:/run/a.sock").returncode == 2
        assert page.run("false\ntrue").returncode == 1
