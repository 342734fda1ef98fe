"""The pictures of the documentation can be taken, have their size, and show nothing of the machine they are from."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.support.requirements import require_module
from tests.support.source import CHECKOUT
from tests.tools import screenshots

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(240)]


def size(path: Path) -> tuple[int, int]:
    """Return width and height of a PNG."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    return struct.unpack(">II", data[16:24])


def test_the_pictures_can_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_module("h11")
    seen: list[str] = []
    take = screenshots.Browser.screenshot

    def look(browser: screenshots.Browser, path: Path) -> None:
        seen.append(browser.text())
        take(browser, path)

    monkeypatch.setattr(screenshots.Browser, "screenshot", look)
    screenshots.take(tmp_path, 1)
    assert [str(CHECKOUT) in text or "/tmp/" in text for text in seen] == [False, False]
    for name in screenshots.PICTURES:
        assert size(tmp_path / name) == size(screenshots.IMAGES / name) == (screenshots.WIDTH, screenshots.HEIGHT)
