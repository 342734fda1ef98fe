"""What keeps a web server from a socket or a port."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from gateways.doctor import sockets
from gateways.doctor.accounts import Account
from gateways.doctor.sockets import examine_socket, look
from gateways.doctor.targets import Options
from gateways.errors import ConfigError
from tests.doctor.asked import listened_at_another
from tests.support.serving import PATIENCE, Recorder, serving

STRANGER = Account("stranger", 60_001, 60_001, frozenset((60_001,)))
MEMBER = Account("member", 60_002, 60_002, frozenset((60_002, os.getegid())))


@pytest.fixture(autouse=True)
def units(tmp_path, monkeypatch):
    """Units of a machine on which web servers have no directories of their own."""
    directory = tmp_path / "units"
    directory.mkdir()
    monkeypatch.setattr(sockets, "UNIT_DIRECTORIES", (str(directory),))
    return directory


@pytest.fixture
def place():
    """A directory that everybody can enter."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def path(place):
    """A socket that has been listened at."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{place}/app.sock")
    os.chown(f"{place}/app.sock", -1, os.getegid())
    os.chmod(f"{place}/app.sock", 0o660)
    return f"{place}/app.sock"


def codes(findings):
    return [finding.code for finding in findings]


def test_all_is_well(path):
    assert codes(look(path, MEMBER, "here")) == []


def test_no_socket(place):
    [finding] = look(f"{place}/app.sock", MEMBER, "here")
    assert finding.code == "socket-absent"
    assert "gateways serve" in finding.remedy


def test_no_socket_of_that_name(path, place):
    [finding] = look(f"{place}/ap.sock", MEMBER, "here")
    assert finding.code == "socket-absent"
    assert f"beside it is {path}" in finding.what


def test_no_directory(place):
    [finding] = look(f"{place}/run/app.sock", MEMBER, "here")
    assert finding.code == "socket-absent"
    assert f"there is no directory {place}/run" in finding.what


def test_remedies_for_paths_with_spaces_can_be_typed(place):
    directory = place / "my site"
    directory.mkdir(mode=0o700)
    closed, absent = look(f"{directory}/app.sock", STRANGER, "here")
    assert f"chmod o+x '{directory}'" in closed.remedy
    assert f"--fastcgi 'unix:{directory}/app.sock'" in absent.remedy


def test_a_file_and_a_directory(place):
    (place / "file").touch()
    (place / "directory").mkdir()
    for name in ("file", "directory"):
        [finding] = look(f"{place}/{name}", MEMBER, "here")
        assert finding.code == "socket-is-file"
        assert name in finding.what


def test_the_mode(path):
    [finding] = look(path, STRANGER, "here")
    assert finding.code == "socket-mode"
    assert "stranger may not write" in finding.what
    assert "--socket-group stranger" in finding.remedy
    os.chmod(path, 0o666)
    assert codes(look(path, STRANGER, "here")) == ["socket-open-to-all"]


def test_a_directory_that_is_closed(path, place):
    place.chmod(0o700)
    os.chmod(path, 0o666)  # which is safe there
    [finding] = look(path, STRANGER, "here")
    assert finding.code == "socket-directory"
    assert f"stranger cannot enter {place} (mode 700" in finding.what
    assert f"chmod o+x {place}" in finding.remedy


def test_the_web_server_has_a_tmp_of_its_own(path, units):
    (units / "nginx.service").write_text("[Service]\nPrivateTmp=no\n")
    assert codes(look(path, MEMBER, "here")) == []
    (units / "apache2.service.d").mkdir()
    (units / "apache2.service.d" / "override.conf").write_text("[Service]\nPrivateTmp=true\n")
    [finding] = look(path, MEMBER, "here")
    assert finding.code == "socket-private-tmp"
    assert "apache2" in finding.what
    assert "nginx" not in finding.what


@pytest.mark.parametrize(
    ("files", "private"),
    [
        ({"lib/nginx.service": "yes", "etc/nginx.service.d/a.conf": "no"}, False),
        ({"lib/nginx.service": "no", "etc/nginx.service.d/a.conf": "yes", "lib/nginx.service.d/b.conf": "no"}, False),
        ({"lib/nginx.service": "no", "etc/nginx.service.d/b.conf": "yes", "lib/nginx.service.d/a.conf": "no"}, True),
        ({"etc/nginx.service.d/a.conf": "no", "lib/nginx.service.d/a.conf": "yes"}, False),
        ({"etc/nginx.service": "no", "lib/nginx.service": "yes"}, False),
        ({"lib/nginx.service": "no\nPrivateTmp = True "}, True),
    ],
)
def test_the_last_line_of_a_unit_counts(path, tmp_path, monkeypatch, files, private):
    """One file, the administrator's before the package's; then the drop-ins of all directories by their names."""
    monkeypatch.setattr(sockets, "UNIT_DIRECTORIES", (f"{tmp_path}/etc", f"{tmp_path}/lib"))
    for name, value in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"[Service]\nPrivateTmp={value}\n")
    assert codes(look(path, MEMBER, "here")) == (["socket-private-tmp"] if private else [])


@pytest.mark.parametrize(("order", "words"), [("little", "0100007F"), ("big", "7F000001")])
def test_the_addresses_of_the_kernel(monkeypatch, order, words):
    monkeypatch.setattr(sockets.sys, "byteorder", order)
    assert sockets._decoded(words) == "127.0.0.1"


def test_a_socket_by_its_file_and_by_its_address():
    with serving(Recorder()) as served:
        for what in (served.address, f"unix:{served.address}"):
            found = codes(examine_socket(what, Options(timeout=PATIENCE)))
            assert "backend-answers" in found
            assert "socket-absent" not in found


def test_nothing_is_asked_if_nothing_may_run():
    application = Recorder()
    with serving(application) as served:
        assert "backend-answers" not in codes(examine_socket(served.address, Options(run=False)))
        assert application.seen == []


def test_a_port_that_is_listened_on_elsewhere():
    with listened_at_another() as port:
        [finding] = examine_socket(f"127.0.0.1:{port}", Options(timeout=PATIENCE))
        assert finding.code == "port-elsewhere"
        assert f"127.0.0.2:{port}" in finding.what


def test_one_address_of_a_name_is_enough(monkeypatch):
    """As of localhost, which may be ::1 first, where the application listens at 127.0.0.1 alone."""

    def resolve(host, port, type):
        return [(socket.AF_INET, type, 0, "", (f"127.0.0.{last}", port)) for last in (1, 2)]

    monkeypatch.setattr(sockets.socket, "getaddrinfo", resolve)
    with listened_at_another() as port:
        assert sockets.listeners(sockets.parse_address(f"app.example:{port}")) == []


@pytest.mark.parametrize("addresses", [("192.0.2.1",), ("127.0.0.1", "192.0.2.1")])
def test_another_machine_may_listen(monkeypatch, addresses):
    def resolve(host, port, type):
        return [(socket.AF_INET, type, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(sockets.socket, "getaddrinfo", resolve)
    with listened_at_another() as port:
        assert sockets.listeners(sockets.parse_address(f"app.example:{port}")) == []


def test_a_port_that_is_listened_on_at_every_address():
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        assert sockets.listeners(sockets.parse_address(f"127.0.0.1:{listener.getsockname()[1]}")) == []


def test_a_user_that_there_is_not():
    with pytest.raises(ConfigError, match="no user"):
        list(examine_socket("unix:/run/nothing.sock", Options(user="no-such-user")))
