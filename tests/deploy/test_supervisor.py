"""supervisor's programs, read by supervisor's own parser."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given

from gateways.deploy.registry import describe, generate
from gateways.errors import ConfigError
from tests.deploy import hostile
from tests.support import requirements


def program(transport: str = "", *addresses: str, **values: object) -> tuple[str, dict[str, str]]:
    """The only section of the file, with what supervisor makes of its values."""
    parser = requirements.require_module("supervisor.options").UnhosedConfigParser()
    [file] = generate(describe("supervisor", transport, addresses, **values))
    parser.read_string(file.text)
    [section] = parser.sections()
    expansions = {"here": "/here", "program_name": "x", "ENV_HOME": "/home"}
    return section, {key: parser.saneget(section, key, expansions=expansions) for key, _ in parser.items(section)}


def test_a_program() -> None:
    section, values = program("http", "127.0.0.1:8000", name="shop", user="joe", workers=2)
    assert section == "program:shop"
    assert values["user"] == "joe"
    assert values["command"].endswith("serve app:application --workers 2 --http 127.0.0.1:8000 --no-access-log")
    _, values = program(group="caddy")
    assert "--socket-group caddy" in values["command"]


def test_supervisor_makes_the_socket() -> None:
    section, values = program("scgi", "unix:/run/x/a.sock", variant="fcgi-program", group="caddy")
    assert section == "fcgi-program:example"
    assert (values["socket"], values["socket_owner"]) == ("unix:///run/x/a.sock", "caddy:caddy")
    assert "--scgi fd:0" in values["command"]
    _, values = program("fastcgi", "127.0.0.1:9000", variant="fcgi-program")
    assert values["socket"] == "tcp://127.0.0.1:9000"
    assert "socket_owner" not in values


@pytest.mark.parametrize("address", ["unix:/run/gateways/a.sock", "127.0.0.1:9000", "unix:/home/you/a.sock"])
def test_the_directory_is_made_where_there_is_none(address: str) -> None:
    """One that is there may be a home."""
    [file] = generate(describe("supervisor", "fastcgi", [address]))
    directory = address[5:].rpartition("/")[0]
    command = f";   [ -d {directory} ] || install -d -o www-data {directory}\n"
    assert (command in file.text) == address.startswith("unix:")
    assert file.text.count("install -d") == address.startswith("unix:")
    assert ("/etc/tmpfiles.d/" in file.text) == address.startswith("unix:/run/")


@pytest.mark.parametrize("directory", ["/tmp", "/var/tmp", "/run/lock"])
def test_a_directory_of_all_is_not_given_to_one(directory: str) -> None:
    [file] = generate(describe("supervisor", "fastcgi", [f"unix:{directory}/app.sock"]))
    assert "install -d" not in file.text
    assert "tmpfiles.d" not in file.text


@given(app=hostile.apps, mount=hostile.mounts)
def test_no_value_gets_out_of_its_word(app: str, mount: str) -> None:
    section, values = program(app=app, mount=mount)
    assert section == "program:example"
    assert values.keys() == program()[1].keys()
    words = shlex.split(values["command"])
    assert words[1:3] == ["serve", app]
    assert words[words.index("--script-name") + 1] == mount


@given(root=hostile.directories)
def test_the_directory_is_whole_or_refused(root: str) -> None:
    if root != root.strip() or re.search(r"\s[;#]", root):
        with pytest.raises(ConfigError, match="a comment begins"):
            program(root=root, python="/opt/bin/python")
    else:
        assert program(root=root, python="/opt/bin/python")[1]["directory"] == root


def test_who_may_not_make_the_socket() -> None:
    with pytest.raises(ConfigError, match="may not write to /run itself"):
        program("fastcgi", "unix:/run/app.sock")
    assert program("fastcgi", "unix:/run/app.sock", variant="fcgi-program")
    with pytest.raises(ConfigError, match="no Unix socket"):
        program("fastcgi", "127.0.0.1:9000", group="caddy")
