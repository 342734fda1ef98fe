"""systemd's units: which there are, and that no value of a description is more than one word."""

from __future__ import annotations

import posixpath
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given

from gateways.deploy.registry import describe, generate
from gateways.errors import ConfigError
from tests.deploy import hostile
from tests.support import requirements


def units(transport: str = "", *addresses: str, **values: object) -> dict[str, list[tuple[str, str]]]:
    """The settings of each unit, in order."""
    found = {}
    for file in generate(describe("systemd", transport, addresses, **values)):
        lines = re.sub(r"\\\n\s*", "", file.text).split("\n")
        pairs = [line.partition("=")[::2] for line in lines if line and line[0] not in "#["]
        found[file.path.partition("/")[2]] = pairs
    return found


def unquoted(text: str) -> list[str]:
    """Split as systemd does, and put in what stands for specifiers and variables. There are no backslashes."""
    found = []
    for double, plain in re.findall(r'"([^"]*)"(?!\S)|([^\s"]+)', text):
        word = double or plain
        assert not re.search(r"%(?!%)", word.replace("%%", "")), word
        assert "$" not in word.replace("$$", ""), word
        found.append(word.replace("%%", "%").replace("$$", "$"))
    return found


def test_a_socket_and_its_service() -> None:
    found = units("scgi", "unix:/run/shop/app.sock", name="shop", group="caddy", user="joe")
    assert list(found) == ["shop.socket", "shop.service"]
    socket, service = (dict(pairs) for pairs in found.values())
    assert (socket["ListenStream"], socket["FileDescriptorName"]) == ("/run/shop/app.sock", "scgi")
    assert (socket["SocketGroup"], service["User"], service["Group"]) == ("caddy", "joe", "caddy")
    assert "--scgi systemd:scgi" in service["ExecStart"]
    assert service["RuntimeDirectory"] == "shop-control", "systemd empties it when the service stops"


def test_a_port() -> None:
    socket = dict(units("http", "[::1]:8000")["example.socket"])
    assert socket["ListenStream"] == "[::1]:8000"
    assert "SocketGroup" not in socket


@pytest.mark.parametrize(
    ("address", "directory", "writable"),
    [
        ("unix:/run/a/b/app.sock", "a/b", None),
        ("unix:/var/run/a/app.sock", "a", None),
        ("unix:/srv/x/app.sock", "example", "/srv/x"),
        ("unix:/run/users/app.sock", "users", None),
        ("unix:/run/php/a/app.sock", "php/a", None),
        ("127.0.0.1:9000", "example", None),
    ],
)
def test_a_service_alone(address: str, directory: str, writable: str | None) -> None:
    [(name, pairs)] = units("fastcgi", address, variant="standalone").items()
    service = dict(pairs)
    assert name == "example-standalone.service"
    assert f"--fastcgi {address} --control /run/{directory}/control" in service["ExecStart"]
    assert service["RuntimeDirectory"] == directory
    assert service.get("ReadWritePaths") == writable


def test_the_master_has_the_control_socket_of_its_file() -> None:
    [(_, pairs)] = units(variant="master", name="other").items()
    service = dict(pairs)
    [file] = generate(describe("toml", name="other"))
    [control] = re.findall('^control = "(.*)"$', file.text, re.MULTILINE)
    assert service["ExecReload"].endswith(f"/gateways reload --control {control}")
    assert service["RuntimeDirectory"] == "gateways"


def test_the_master_says_what_its_applications_may_object_to() -> None:
    """Where they are is in another file."""
    [file] = generate(describe("systemd", variant="master"))
    lines = file.text.splitlines()
    assert "read-only" in lines[lines.index("ProtectHome=yes") - 1]
    assert any("Take out the line that one objects to" in line for line in lines)
    [about] = [line for line in lines if line.startswith("# Makes ")]
    assert "ReadWritePaths" in about


@pytest.mark.parametrize(
    ("addresses", "values", "home"),
    [
        ([], {}, "yes"),
        ([], {"root": "/home/you/site"}, "read-only"),
        ([], {"root": "/homes/joe"}, "yes"),
        ([], {"python": posixpath.join("/root", "venv/bin/python")}, "read-only"),
        (["unix:/home/you/run/app.sock"], {"variant": "standalone"}, "read-only"),
        ([], {"variant": "master", "python": "/home/you/venv/bin/python"}, "read-only"),
    ],
)
def test_what_lies_in_a_home_is_not_hidden(addresses: list[str], values: dict[str, object], home: str) -> None:
    service = dict(list(units("fastcgi", *addresses, **values).values())[-1])
    assert service["ProtectHome"] == home


def test_what_the_service_is_told() -> None:
    values = {"mount": "/a b", "ping": "/up", "upload_limit": 5 << 20, "tls": ("/c", "/k")}
    service = dict(units("http", ":8000", **values)["example.service"])
    for words in (["--script-name", "/a b"], ["--ping", "/up"], ["--max-body-size", "5M"], ["--certfile", "/c"]):
        text = unquoted(service["ExecStart"])
        at = text.index(words[0])
        assert text[at : at + 2] == words


@given(app=hostile.apps, mount=hostile.mounts, root=hostile.directories)
def test_no_value_gets_out_of_its_word(app: str, mount: str, root: str) -> None:
    for variant in ("", "standalone"):
        found = units(app=app, mount=mount, root=root, variant=variant, python="/opt/bin/python")
        usual = units(python="/opt/bin/python", variant=variant)
        for name, pairs in found.items():
            assert [key for key, _ in pairs] == [key for key, _ in usual[name]]
        service = dict(list(found.values())[-1])
        words = unquoted(service["ExecStart"])
        assert words[:3] == ["/opt/bin/gateways", "serve", app]
        assert words[words.index("--script-name") + 1] == mount
        assert service["WorkingDirectory"].replace("%%", "") == root.replace("%", "")


@pytest.mark.parametrize("variant", ["", "standalone", "master"])
def test_systemd_accepts_it(variant: str, tmp_path: Path) -> None:
    """With all that systemd would replace; tests/live/test_conf_files.py has it look at the files of conf/."""
    program = requirements.find_program("systemd-analyze") or pytest.skip("no systemd on this machine")
    odd = {} if variant == "master" else {"app": "a b%n$HOME ${X} ; 'q' #:x", "mount": "/a $$ b;'c d"}
    files = generate(describe("systemd", root="/srv/%n x", python="/bin/python", variant=variant, **odd))
    for file in files:
        text = file.text.replace("/srv/%%n x", str(tmp_path)).replace("=/bin/gateways", "=/bin/true")
        (tmp_path / Path(file.path).name).write_text(text)
    for file in files:
        command = [program, "verify", "--recursive-errors=no", tmp_path / Path(file.path).name]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        complaints = [line for line in result.stderr.splitlines() if Path(file.path).name in line]
        assert (result.returncode, complaints) == (0, [])


@pytest.mark.parametrize(
    ("transport", "addresses", "values", "said"),
    [
        ("fastcgi", ["unix:/run/app.sock"], {"variant": "standalone"}, "may not write to /run itself"),
        ("fastcgi", ["unix:/var/run/app.sock"], {"variant": "standalone"}, "may not write to /run itself"),
        ("fastcgi", ["unix:/tmp/app.sock"], {"variant": "standalone"}, "nobody would find the socket"),
        ("fastcgi", ["unix:/var/tmp/a/app.sock"], {"variant": "standalone"}, "give unix:/run/example/app.sock"),
        ("fastcgi", ["unix:/run/user/1000/app.sock"], {"variant": "standalone"}, "is there for others"),
        ("fastcgi", ["unix:/run/lock/app.sock"], {"variant": "standalone"}, "is there for others"),
        ("fastcgi", ["unix:/var/run/systemd/a/app.sock"], {"variant": "standalone"}, "give unix:/run/example/app.sock"),
        ("fastcgi", [], {"root": "/srv/a b"}, "give --python /path/without/spaces"),
        ("fastcgi", [], {"tls": ("/c", "/k")}, "speaks TLS by --http only"),
        ("fastcgi", [], {"ajp_secret": "x"}, "only AJP13 has a secret"),
        ("fastcgi", [], {"static": (("/s", "/srv/s"),)}, "it serves no files"),
        ("fastcgi", [], {"timeout": 5.0}, "give it to the web server"),
        ("spawn", [], {}, "cannot start an application"),
        ("fastcgi", ["127.0.0.1:1", "127.0.0.1:2"], {}, "give one address"),
        ("fastcgi", [], {"variant": "master", "workers": 7}, "give it to gateways conf toml"),
    ],
)
def test_what_cannot_be(transport: str, addresses: list[str], values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        units(transport, *addresses, **values)
    assert said in str(caught.value)
