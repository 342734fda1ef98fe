"""Paths and addresses: where relative ones start, and what is wrong with one."""

from __future__ import annotations

import pytest

from gateways.values import (
    Address,
    Kind,
    Many,
    Module,
    MountPath,
    Number,
    Text,
)
from gateways.values import (
    Path as PathKind,
)


def test_an_address_says_itself_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"'\[::1\]' is not an address"):
        Address().read("[::1]")


@pytest.mark.parametrize(
    ("kind", "value", "rebased"),
    [
        (PathKind("FILE", "a file"), "log", "/srv/log"),
        (PathKind("FILE", "a file"), "./log", "/srv/log"),
        (PathKind("FILE", "a file"), "../log", "/srv/../log"),
        (PathKind("FILE", "a file"), "/log", "/log"),
        (PathKind("FILE", "a file"), "-", "-"),
        (PathKind("FILE", "a file", off=True), None, None),
        (Many(PathKind("FILE", "a file")), ("a", "/b"), ("/srv/a", "/b")),
        (Module("MODULE", "a module"), "shop.hooks", "shop.hooks"),
        (Module("MODULE", "a module"), "hooks.py", "/srv/hooks.py"),
        (Module("MODULE", "a module"), "shop/hooks", "/srv/shop/hooks"),
        (Address(), "unix:run/s", "unix:/srv/run/s"),
        (Address(), "unix:./s", "unix:/srv/s"),
        (Address(), "unix:/run/s", "unix:/run/s"),
        (Many(Address()), (":9000", "@a", "unix:s"), (":9000", "@a", "unix:/srv/s")),
        (Text("USER", "a user"), "a", "a"),
        (MountPath(), "/a", "/a"),
        (Number(0, 9), 5, 5),
    ],
)
def test_relative_paths_start_at_a_directory(kind: Kind, value: object, rebased: object) -> None:
    assert kind.rebase(kind.read(value), "/srv") == rebased


def test_a_socket_that_becomes_too_long() -> None:
    with pytest.raises(ValueError, match="bytes are too long for a socket"):
        Address().rebase("unix:s", "/" + "x" * 107)
