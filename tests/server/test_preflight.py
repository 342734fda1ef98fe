"""What this machine can tell before a start."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from gateways.config.checks import Finding
from gateways.errors import ConfigError
from gateways.server.preflight import inspect
from gateways.settings import Settings
from tests.support import tls

OWN = str(os.geteuid())


def find(**keywords: Any) -> list[Finding]:
    return list(inspect(Settings(**{"user": OWN, **keywords})))


def errors(**keywords: Any) -> list[str]:
    return [f"{finding.setting}: {finding.text}" for finding in find(**keywords) if finding.fatal]


def notices(**keywords: Any) -> list[str]:
    return [f"{finding.setting}: {finding.text}" for finding in find(**keywords) if not finding.fatal]


def test_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    (tmp_path / "hooks.py").touch()
    found = find(
        chdir=str(tmp_path),
        python_path=[str(tmp_path)],
        fastcgi=[f"unix:{tmp_path}/s", ":9000", "[::1]:9000", "localhost:0", "@a", "systemd:x", "fd:0"],
        control=f"{tmp_path}/c",
        access_log=f"{tmp_path}/log",
        error_log="-",
        slow_log=f"{tmp_path}/new",
        hooks=f"{tmp_path}/hooks.py",
        group=str(os.getegid()),
        socket_owner=pwd.getpwuid(os.geteuid()).pw_name,
        umask=0o22,
    )
    assert found == []


@pytest.mark.parametrize("name", ["user", "socket_owner"])
def test_a_user_that_does_not_exist(name: str) -> None:
    message = f"{name}: there is no user 'no-such-one' on this machine; see: getent passwd"
    assert errors(**{name: "no-such-one"}) == [message]


@pytest.mark.parametrize("name", ["group", "socket_group"])
def test_a_group_that_does_not_exist(name: str) -> None:
    message = f"{name}: there is no group 'no-such-one' on this machine; see: getent group"
    assert errors(**{name: "no-such-one"}) == [message]


def test_root_has_to_say_who_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert notices(user=None) == ["user: root does not serve without it; here that matters if root starts it"]
    assert notices(user="65534") == []


def test_only_root_can_change_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert notices(user="65534") == ["user: only root can change to '65534'; start it as root"]
    assert notices(user="1000") == []
    assert notices(user=None) == []


@pytest.mark.parametrize("name", ["chdir", "python_path"])
def test_a_directory_that_does_not_exist(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "absent", tmp_path / "file"):
        assert errors(**{name: str(path)}) == [f"{name}: there is no directory '{path}'"]


@pytest.mark.parametrize("name", ["access_log", "error_log", "slow_log", "pid_file", "control", "restart_file"])
def test_a_file_in_a_directory_that_does_not_exist(tmp_path: Path, name: str) -> None:
    message = f"{name}: there is no directory '{tmp_path}/absent'; make it first"
    assert errors(**{name: f"{tmp_path}/absent/x"}) == [message]
    assert errors(**{name: str(tmp_path)}) == [f"{name}: '{tmp_path}' is a directory; name the file in it"]


def test_the_directory_of_a_socket(tmp_path: Path) -> None:
    assert errors(scgi=f"unix:{tmp_path}/absent/s") == [
        f"scgi: there is no directory '{tmp_path}/absent'; make it first"
    ]


def test_a_directory_that_systemd_makes() -> None:
    keywords = {"fastcgi": "unix:/run/no-such-directory/s"}
    assert errors(**keywords) == []
    (message,) = notices(**keywords)
    assert message.startswith("fastcgi: there is no directory '/run/no-such-directory'; RuntimeDirectory= of a systemd")


@pytest.mark.parametrize(("uid", "fatal"), [(0, True), (1000, False)])
def test_what_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, fatal: bool) -> None:
    (tmp_path / "log").touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    found = find(user=str(uid), error_log=f"{tmp_path}/log", pid_file=f"{tmp_path}/pid")
    assert found == [
        Finding("error_log", f"this user cannot write to '{tmp_path}/log'", fatal),
        Finding("pid_file", f"this user cannot write to '{tmp_path}'", fatal),
    ]


def test_hooks(tmp_path: Path) -> None:
    assert errors(hooks=f"{tmp_path}/absent.py") == [f"hooks: there is no file '{tmp_path}/absent.py'"]
    assert errors(hooks="shop.hooks") == []


def test_a_port_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    for keywords in ({"fastcgi": "0.0.0.0:1"}, {"scgi": "[::]:1"}):
        (message,) = errors(**keywords)
        assert message.startswith(f"{next(iter(keywords))}: will not listen on ")
        assert errors(**keywords, allowed_clients="any") == []
    monkeypatch.setenv("FCGI_WEB_SERVER_ADDRS", "10.0.0.5")
    assert errors(fastcgi="0.0.0.0:1") == []
    assert len(errors(scgi="0.0.0.0:1")) == 1
    assert errors(http="0.0.0.0:1") == []


def test_A14_ajp_for_others_without_a_secret() -> None:
    (message,) = errors(ajp="0.0.0.0:1", allowed_clients="any")
    assert message.startswith("ajp: will not listen on 0.0.0.0 for AJP13 without a secret")
    assert errors(ajp="0.0.0.0:1", allowed_clients="any", ajp_secret="s") == errors(ajp=":1") == []


def test_a_list_of_clients_that_cannot_be_read() -> None:
    (message,) = errors(fastcgi=":1", allowed_clients="10.0.0.300")
    assert message.startswith("allowed_clients: '10.0.0.300' is not an IP address or network")


def test_the_format_of_the_access_log() -> None:
    (message,) = errors(access_log_format="%y")
    assert message.startswith("access_log_format: '%y' at character 1 is not known")


def test_a_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ConfigError("HTTP needs the package h11")

    monkeypatch.setattr("gateways.adapters.http.head.require", missing)
    assert errors(http=[":8000"]) == ["http: HTTP needs the package h11"]
    assert errors(scgi=[":8000"]) == []


def test_a_certificate_is_tried(tmp_path: Path) -> None:
    assert errors(http=":8443", certfile=tls.CERTIFICATE, keyfile=tls.KEY) == []
    assert errors(certfile=f"{tmp_path}/absent") == [
        f"certfile: {tmp_path}/absent cannot be read: No such file or directory"
    ]
    [other] = errors(certfile=tls.CERTIFICATE, keyfile=tls.RENEWED_KEY)
    assert other.startswith(f"keyfile: {tls.RENEWED_KEY} with certfile ")


def test_a_key_that_only_root_may_read_may_be_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tls.RENEWED_KEY)
    assert errors(certfile=tls.CERTIFICATE, keyfile=tls.RENEWED_KEY) == []
    assert len(notices(certfile=tls.CERTIFICATE, keyfile=tls.RENEWED_KEY)) == 1


def test_the_addresses_of_proxies() -> None:
    assert errors(forwarded_allow_ips=["10.0.0.0/8", "unix", "any"]) == []
    [error] = errors(forwarded_allow_ips=["proxy"])
    assert error.startswith("forwarded_allow_ips: 'proxy' is not an IP address or network")
