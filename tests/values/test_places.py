"""Paths and addresses: where relative ones start, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateways.settings import Settings
from gateways.values import (
    Address,
    Kind,
    Many,
    Module,
    MountPath,
    Number,
    Secret,
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


def test_a_secret_is_text_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("in the file\nnot this\n")
    assert Secret().read("plain text") == "plain text"
    assert Secret().read(f"@{tmp_path}/secret") == "in the file"
    assert Secret().read(None) is None


def test_a_secret_does_not_show_itself() -> None:
    value = Secret().read("sesame")
    assert "sesame" not in repr(value)
    assert "sesame" not in Secret().show(value)
    assert "sesame" not in repr(Settings(ajp_secret="sesame"))
    assert Secret().show(None) == "none"


@pytest.mark.parametrize("given", ["", " x", "x\n", "a\0b", 5, "@relative", "@/does/not/exist"])
def test_what_is_no_secret_is_not_repeated(given: object) -> None:
    with pytest.raises(ValueError, match=r"text|absolute path|cannot read") as caught:
        Secret().read(given)
    assert "a\0b" not in str(caught.value)


def test_an_empty_file_holds_no_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    with pytest.raises(ValueError, match="cannot be used"):
        Secret().read(f"@{tmp_path}/secret")
