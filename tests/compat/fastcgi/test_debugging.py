from __future__ import annotations

from gateways.compat.fastcgi.debugging import debug_line


def test_lines(tmp_path):
    for text in ("one", "two"):
        debug_line(str(tmp_path / "log"), text)
    first, second = (tmp_path / "log").read_text().splitlines()
    assert first.endswith("fcgi: one")
    assert second.endswith("fcgi: two")


def test_a_file_that_cannot_be_written_is_no_reason_to_fail(tmp_path):
    debug_line(str(tmp_path), "lost")
