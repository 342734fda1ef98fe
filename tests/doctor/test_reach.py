"""Who may reach a path."""

from __future__ import annotations

import os
import struct

import pytest

from gateways.doctor import reach
from gateways.doctor.reach import ENTER, READ, WRITE, Account, account_of, closed_directory, described, may
from gateways.errors import ConfigError

STRANGER = Account("stranger", 60_001, frozenset((60_001,)))
MEMBER = Account("member", 60_002, frozenset((60_002, os.getegid())))
OWNER = Account("owner", 60_003, frozenset())
ROOT = Account("root", 0, frozenset((0,)))


@pytest.mark.parametrize(
    ("mode", "account", "wanted", "allowed"),
    [
        (0o755, STRANGER, ENTER, True),
        (0o750, STRANGER, ENTER, False),
        (0o750, MEMBER, ENTER, True),
        (0o750, MEMBER, WRITE, False),
        (0o705, MEMBER, ENTER, False),  # the group's bits decide, whatever the others may
        (0o660, MEMBER, WRITE | READ, True),
        (0o640, MEMBER, WRITE | READ, False),
        (0o000, ROOT, WRITE, True),
    ],
)
def test_modes(tmp_path, mode, account, wanted, allowed):
    place = tmp_path / "place"
    place.touch()
    place.chmod(mode)
    os.chown(place, -1, os.getegid())
    assert may(account, str(place), wanted) is allowed


def test_the_owner_has_only_what_is_his(tmp_path):
    tmp_path.chmod(0o077)
    own = Account("own", os.geteuid() or 1, frozenset())
    if own.uid == os.geteuid():
        assert not may(own, str(tmp_path), ENTER)
    tmp_path.chmod(0o700)


U, G, M, O, UO, GO = 2, 8, 16, 32, 1, 4  # noqa: E741


@pytest.mark.parametrize(
    ("account", "wanted", "entries", "allowed"),
    [
        (STRANGER, ENTER, [(UO, 7, -1), (GO, 0, -1), (M, 1, -1), (U, 7, 60_001), (O, 0, -1)], True),
        (STRANGER, WRITE, [(UO, 7, -1), (GO, 0, -1), (M, 1, -1), (U, 7, 60_001), (O, 7, -1)], False),  # the mask
        (STRANGER, WRITE, [(UO, 7, -1), (GO, 0, -1), (M, 7, -1), (G, 2, 60_001), (O, 0, -1)], True),
        (STRANGER, WRITE, [(UO, 7, -1), (GO, 0, -1), (M, 7, -1), (G, 1, 60_001), (O, 7, -1)], False),
        (STRANGER, WRITE, [(UO, 7, -1), (GO, 0, -1), (M, 7, -1), (U, 7, 1), (O, 2, -1)], True),
        (MEMBER, WRITE, [(UO, 7, -1), (GO, 2, -1), (M, 7, -1), (O, 0, -1)], True),
    ],
)
def test_acls(tmp_path, monkeypatch, account, wanted, entries, allowed):
    os.chown(tmp_path, -1, os.getegid())
    data = struct.pack("<L", 2) + b"".join(
        struct.pack("<HHL", tag, bits, number & 0xFFFFFFFF) for tag, bits, number in entries
    )
    monkeypatch.setattr(reach.os, "getxattr", lambda path, name: data, raising=False)
    assert may(account, str(tmp_path), wanted) is allowed


def test_the_first_closed_directory_on_the_way(tmp_path):
    open_way, closed = tmp_path / "open", tmp_path / "open" / "closed"
    (closed / "deeper").mkdir(parents=True)
    for directory in (tmp_path, *tmp_path.parents):
        if not may(STRANGER, str(directory), ENTER):  # pytest keeps its directories to itself
            assert closed_directory(STRANGER, str(closed / "app.sock")) is not None
            break
    closed.chmod(0o700)
    assert closed_directory(ROOT, str(closed / "deeper" / "app.sock")) is None
    first = closed_directory(STRANGER, str(closed / "deeper" / "app.sock"))
    assert first is not None
    assert str(closed).startswith(first)
    link = open_way / "link"
    link.symlink_to(closed / "deeper")
    assert closed_directory(STRANGER, str(link / "app.sock")) == first


def test_where_nothing_is_the_way_is_free():
    assert closed_directory(STRANGER, "/no/such/directory/app.sock") is None


def test_accounts(monkeypatch):
    assert account_of("root") == Account("root", 0, account_of("root").groups)
    with pytest.raises(ConfigError, match="no user 'no-such-user'"):
        account_of("no-such-user")
    monkeypatch.setattr(reach, "USUAL", ("no-such-user", "root"))
    assert account_of(None).uid == 0
    monkeypatch.setattr(reach, "USUAL", ())
    assert account_of(None).uid == -1


def test_what_is_shown(tmp_path):
    tmp_path.chmod(0o710)
    assert described(str(tmp_path)).startswith("drwx--x--- ")
