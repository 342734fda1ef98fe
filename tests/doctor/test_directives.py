"""Directives in blocks."""

from __future__ import annotations

import os
import re

import pytest

from gateways.doctor.directives import MAX_SIZE, Directive, glob_expression, read_text
from tests.doctor.asked import codes


def test_where_and_what():
    root = Directive("", (), "f", 0, True, None, [])
    block = Directive("server", ("a", "b"), "f", 3, True, root, [])
    inner = Directive("listen", (), "f", 4, True, block)
    assert root.children is not None
    assert block.children is not None
    root.children.append(block)
    block.children.append(inner)
    assert list(root.walk()) == [block, inner]
    assert list(inner.up()) == [block, root]
    assert (block.where, block.value, inner.value) == ("f:3", "a", "")
    assert list(root.all("server", "http")) == [block]
    assert list(inner.all("server")) == []


def test_a_file_is_not_read_without_an_end(tmp_path):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.write((MAX_SIZE + 10) * b"\xff")
    assert len(read_text(str(path))) == MAX_SIZE
    assert read_text(str(path))[0] == "\udcff"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.conf", "http {\n}\n%s\ninclude x\0/*;\n"),
        ("a.cfg", "global\n%s\nuser x\0y\n"),
        ("h2o.conf", "hosts:\n%s\n  x\0: y\n"),
        ("Caddyfile", "a.org {\n%s\nreverse_proxy a:1\0\n}\n"),
        ("apache.conf", "<VirtualHost *:80>\n%s\nInclude x\0\n</VirtualHost>\n"),
        ("lighttpd.conf", 'server.port = 80\n%s\nserver.x = "\0"\n'),
    ],
)
def test_a_nul_byte(tmp_path, name, text):
    found = codes(tmp_path / name, text % ("#" * 300))
    assert found["config-syntax"] == text.count("\n", 0, text.index("\0")) + 1


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no file"):
        read_text(str(tmp_path / "pipe"))


def test_patterns_of_names():
    expression = glob_expression("/etc/nginx/conf.d/*.conf")
    assert re.fullmatch(expression, "/etc/nginx/conf.d/a.conf")
    assert not re.fullmatch(expression, "/etc/nginx/conf.d/a/b.conf")
    assert not re.fullmatch(expression, "/etc/nginx/conf.d/a_conf")
