"""Every file of conf/ is used by somebody: a web server of the live tests, or the parser of its own program."""

from __future__ import annotations

import argparse
import configparser
import importlib
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from gateways.config import load_plan
from gateways.errors import BootError, ConfigError
from gateways.settings import Settings
from tests.live.deployments import DEPLOYMENTS, LIGHTTPD
from tests.live.guards import GUARDS, MULTIPLEXED
from tests.live.machines import FRONTS
from tests.live.sandbox import PROJECT
from tests.support import requirements

CONF = PROJECT / "conf"
UNITS = sorted((CONF / "systemd").iterdir())
PROGRAMS = sorted((CONF / "supervisor").iterdir())
CONTAINER = sorted((CONF / "container").iterdir())
KUBERNETES = sorted((CONF / "kubernetes").iterdir())  # test_kubernetes.py

DEFAULTS = Settings()


def test_every_file_for_a_web_server_is_booted() -> None:
    files = {str(path.relative_to(CONF)) for path in CONF.rglob("*") if path.is_file()}
    others = {str(path.relative_to(CONF)) for path in (*UNITS, *PROGRAMS, *CONTAINER, *KUBERNETES)}
    ours = {"gateways.toml"}  # tests/config/test_example.py
    several = {front.conf for front in FRONTS}  # test_machines.py
    guards = {guard.conf for guard in GUARDS}  # test_authorizer.py
    multiplexed = {MULTIPLEXED}  # test_multiplex.py
    assert files - others - ours - several - guards - multiplexed == {deployment.conf for deployment in DEPLOYMENTS}


def test_lighttpd_writes_only_where_debian_lets_it() -> None:
    """The sandbox's directories stand for these two: in others, a lighttpd that was just installed could not start."""
    text = (CONF / "lighttpd/fastcgi-spawned.conf").read_text()
    assert set(re.findall(r'"(/(?:run|var)/[^"]*)/[^/"]*"', text)) == set(LIGHTTPD)
    made = requirements.require_file("/usr/lib/tmpfiles.d/lighttpd.tmpfile.conf", "lighttpd").read_text()
    for directory in LIGHTTPD:
        assert re.search(rf"^d {directory} 07\d\d www-data\b", made, re.MULTILINE)


# systemd


def directives(path: Path) -> dict[str, str]:
    """The settings of a unit; each of ours is there once."""
    found: dict[str, str] = {}
    for line in joined(path.read_text()).splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            assert name not in found
            found[name] = value
    return found


def joined(text: str) -> str:
    """The text with continued lines made whole."""
    return re.sub(r"\\\n\s*", "", text)


SERVICES = [path for path in UNITS if path.suffix == ".service"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_accepts_the_unit(path: Path, tmp_path: Path) -> None:
    program = requirements.find_program("systemd-analyze") or pytest.skip("no systemd on this machine")
    for unit in UNITS:
        # systemd looks whether the command is there.
        text = re.sub(r"^(Exec\w+)=\S+", r"\1=/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text.replace("/srv/example", str(tmp_path)))
    result = subprocess.run(
        [program, "verify", "--recursive-errors=no", tmp_path / path.name],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    complaints = [line for line in result.stderr.splitlines() if path.name in line]
    assert (result.returncode, complaints) == (0, [])


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_the_times_of_a_service_fit_ours(path: Path) -> None:
    unit = directives(path)
    assert unit["Type"] == "notify"
    assert int(unit["TimeoutStartSec"]) > DEFAULTS.boot_timeout
    assert int(unit["TimeoutStopSec"]) > DEFAULTS.graceful_timeout
    assert int(unit["WatchdogSec"]) >= 10, "a busy machine may take some seconds for anything"
    assert unit["KillMode"] == "mixed", "SIGTERM is for the master, which stops its workers"
    assert unit["RestartPreventExitStatus"].split() == [str(error.exit_code) for error in (ConfigError, BootError)]


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_speaks_to_the_socket_that_it_opens(path: Path) -> None:
    unit = directives(path)
    command = shlex.split(unit["ExecStart"])
    opened = load_plan(str(CONF / "gateways.toml"), environ={}).master.control
    if "--config" not in command:
        opened = option(command, "--control")
    assert opened == option(shlex.split(unit["ExecReload"]), "--control")
    assert Path(opened).parent == Path("/run") / unit["RuntimeDirectory"]


def test_the_socket_is_the_one_that_the_service_asks_for() -> None:
    name = directives(CONF / "systemd/example.socket")["FileDescriptorName"]
    command = shlex.split(directives(CONF / "systemd/example.service")["ExecStart"])
    assert option(command, "--fastcgi") == f"systemd:{name}"


def test_the_services_are_locked_up_alike() -> None:
    def locks(path: Path) -> dict[str, str]:
        words = ("Private", "Protect", "Restrict", "Lock", "System", "NoNew")
        return {name: value for name, value in directives(path).items() if name.startswith(words)}

    assert len({json.dumps(locks(path), sort_keys=True) for path in SERVICES}) == 1


# supervisor


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_supervisor_file_is_complete(path: Path) -> None:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(path.read_text())
    (section,) = parser.sections()
    kind, _, name = section.partition(":")
    program = parser[section]
    assert kind in ("program", "fcgi-program")
    assert name == "example"
    assert ("socket" in program) == (kind == "fcgi-program")
    assert int(program["stopwaitsecs"]) > DEFAULTS.graceful_timeout
    assert program["stopsignal"] == "TERM"
    assert "stopasgroup" not in program, "SIGTERM is for the master, which stops its workers"
    assert program["autorestart"] == "unexpected"
    assert program["exitcodes"].split(",") == ["0", *(str(error.exit_code) for error in (ConfigError, BootError))]


# Containers


def instructions(name: str) -> list[str]:
    """The lists of an instruction of the Dockerfile, as JSON."""
    return re.findall(rf"(?:^|\s){name} (\[.*\])$", joined((CONF / "container/Dockerfile").read_text()), re.MULTILINE)


def test_the_container_has_no_shell_and_no_root() -> None:
    text = (CONF / "container/Dockerfile").read_text()
    assert len(instructions("CMD")) == 2, "of the image, and of its health check"
    assert re.search(r"^USER (\d+)$", text, re.MULTILINE)[1] == re.search(r"--uid (\d+)", text)[1]  # type: ignore[index]
    assert "STOPSIGNAL SIGTERM" in text


def test_the_health_check_asks_what_is_served() -> None:
    served, asked = (json.loads(text) for text in sorted(instructions("CMD"), key=lambda text: "serve" not in text))
    assert option(served, "--fastcgi") == option(asked, "--fastcgi")
    assert option(served, "--ping") == asked[-1]
    directory = str(Path(option(served, "--fastcgi").partition(":")[2]).parent)
    compose = (CONF / "container/compose.yaml").read_text()
    assert compose.count(f"- run:{directory}\n") == 2
    start = re.search(r"--start-period=(\d+)s", (CONF / "container/Dockerfile").read_text())
    assert start
    assert int(start[1]) >= DEFAULTS.boot_timeout


def test_the_composition_waits_and_has_what_nginx_asks_for() -> None:
    compose = (CONF / "container/compose.yaml").read_text()
    grace = re.search(r"stop_grace_period: (\d+)s", compose)
    assert grace
    assert int(grace[1]) > DEFAULTS.graceful_timeout
    (socket,) = set(re.findall(r"unix:([^;\s]+);", (CONF / "container/nginx.conf").read_text()))
    assert option(json.loads(instructions("CMD")[0]), "--fastcgi") == f"unix:{socket}"


# All commands


def option(words: list[str], flag: str) -> str:
    """The value of a flag."""
    return words[words.index(flag) + 1]


def commands() -> list[str]:
    """Every command line of ours in conf/, in comments too."""
    found = [shlex.join(json.loads(text)[1:]) for text in instructions("CMD")]
    for path in KUBERNETES:
        found += [shlex.join(json.loads(text)[1:]) for text in re.findall(r'\["gateways", [^]]*\]', path.read_text())]
    for path in sorted(CONF.rglob("*")):
        if path.is_file():
            for line in joined(path.read_text()).splitlines():
                found += re.findall(r"\bgateways ((?:serve|get|reload|status|stop) .*)", line)
    return found


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_command_in_a_file_is_one_that_gateways_knows(command: str) -> None:
    name, *arguments = shlex.split(command)
    parser = argparse.ArgumentParser()
    module = importlib.import_module(f"gateways.commands.{name}")
    module.add_arguments(parser)
    given = vars(parser.parse_args(arguments))
    if name == "serve":
        # The values, too.
        Settings.load(
            {}, {key: value for key, value in given.items() if key in Settings.settings and value is not None}
        )
