"""Which line takes a request, and where files are looked for."""

from __future__ import annotations

import pytest

from gateways.doctor.targets import Options, examine
from tests.doctor.asked import codes

OURS = {"pass-order", "static-path", "root-matcher"}


def of(tmp_path, text):
    found = codes(tmp_path / "Caddyfile", f"a.org {{\n{text}\n}}\n")
    return {code: line for code, line in found.items() if code in OURS}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("file_server /static/*\nreverse_proxy a:1", 2),
        ("file_server\nreverse_proxy a:1", 2),
        ("file_server\nreverse_proxy /app/* a:1", None),
        ("reverse_proxy a:1\nreverse_proxy /b/* b:1", None),
        ("reverse_proxy a:1\nreverse_proxy b:1", 3),
        ("handle {\nreverse_proxy a:1\n}\nhandle /static/* {\nfile_server\n}", None),
        ("reverse_proxy b:1\nhandle {\nreverse_proxy a:1\n}", 2),
        ("handle {\nencode gzip\n}\nreverse_proxy b:1", None),
        ("route {\nreverse_proxy a:1\nfile_server /static/*\n}", 4),
        ("route {\nfile_server /static/*\nreverse_proxy a:1\n}", None),
        ("route {\nhandle {\nreverse_proxy a:1\n}\nhandle /b/* {\nfile_server\n}\n}", 6),
        ("redir https://b{uri}\nreverse_proxy a:1", 3),
        ("redir /app /app/\nreverse_proxy a:1", None),
        ("respond /health ok\nreverse_proxy a:1", None),
        ("@a method GET\nreverse_proxy @a a:1\nfile_server", None),
        ("route {\nfile_server {\npass_thru\n}\nreverse_proxy a:1\n}", None),
    ],
)
def test_order(tmp_path, text, line):
    assert of(tmp_path, text) == ({"pass-order": line} if line else {})


def test_another_order(tmp_path):
    text = "{\norder file_server before reverse_proxy\n}\na.org {\nfile_server /static/*\nreverse_proxy a:1\n}\n"
    assert "pass-order" not in codes(tmp_path / "Caddyfile", text)
    assert "pass-order" in codes(tmp_path / "Caddyfile", text.replace("order file_server before", "order x before"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("handle /static/* {\nroot * /srv/static\nfile_server\n}", 3),
        ("handle /static/* {\nroot * /srv\nfile_server\n}", None),
        ("handle_path /static/* {\nroot * /srv/static\nfile_server\n}", None),
        ("root * /srv/static\nfile_server /static/*", 2),
        ("handle /static/* {\nfile_server {\nroot /srv/static\n}\n}", 4),
        ("handle /static/* {\nuri strip_prefix /static\nroot * /srv/static\nfile_server\n}", None),
        ("handle /static/* {\nroot * {env.A}/static\nfile_server\n}", None),
        ("file_server /static/*", None),
    ],
)
def test_where_files_are(tmp_path, text, line):
    assert of(tmp_path, text) == ({"static-path": line} if line else {})


def test_a_look_at_the_directories(tmp_path):
    (tmp_path / "static").mkdir()
    path = tmp_path / "Caddyfile"

    def found(block, root):
        path.write_text(f"a.org {{\n{block} /static/* {{\nroot * {root}\nfile_server\n}}\n}}\n")
        return [one.remedy for one in examine(str(path), Options(user="root")) if one.code == "static-path"]

    assert found("handle", tmp_path) == []
    assert found("handle_path", tmp_path / "static") == []
    assert found("handle", tmp_path / "static") == ["handle_path /static/* in place of handle"]
    assert found("handle_path", tmp_path) == [f"root * {tmp_path}/static"]
    (tmp_path / "static" / "static").mkdir()
    assert found("handle", tmp_path / "static") == []


def test_a_root_without_a_star(tmp_path):
    assert of(tmp_path, "root /srv\nfile_server") == {"root-matcher": 2}
    assert of(tmp_path, "root * /srv\nreverse_proxy a:1 {\ntransport fastcgi {\nroot /srv\n}\n}") == {}
