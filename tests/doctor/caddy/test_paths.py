"""Which paths Caddy hands on. The faults of whole files are in tests/live/sitefaults_caddy.py."""

from __future__ import annotations

import pytest

from gateways.doctor.targets import Options, examine
from tests.doctor.asked import findings

FASTCGI = "reverse_proxy a:1 {\ntransport fastcgi {\n%s\n}\n}"
HTTP = "reverse_proxy a:1"


def of(tmp_path, text):
    found = findings(tmp_path / "Caddyfile", f"a.org {{\n{text}\n}}\n")
    ours = {
        "matcher-exact",
        "mount-lost",
        "mount-wide",
        "try-files-404",
        "path-info-missing",
        "mount-twice",
        "path-split",
    }
    return {one.code: one.severity for one in found if one.code in ours}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("reverse_proxy / a:1", {"matcher-exact": "error"}),
        ("reverse_proxy /api a:1", {"matcher-exact": "warning"}),
        ("reverse_proxy /api/* a:1", {}),
        ("reverse_proxy /api /api/* a:1", {"matcher-exact": "warning"}),
        ("reverse_proxy /feed.xml a:1", {}),
        ("reverse_proxy /api a:1\nreverse_proxy /api/* a:1", {}),
        ("@a path /api /api/*\nreverse_proxy @a a:1", {}),
        ("handle_path /api {\nreverse_proxy a:1\n}", {"matcher-exact": "error"}),
        ("handle /app* {\nreverse_proxy a:1\n}", {"mount-wide": "note"}),
        ("file_server /static", {"matcher-exact": "warning"}),
        ("handle /health {\nrespond ok\n}", {}),
        ("handle /a {\nfile_server\nreverse_proxy /b/* b\n}", {"matcher-exact": "warning"}),
        ("@a method GET\nreverse_proxy @a a:1", {}),
    ],
)
def test_matchers(tmp_path, text, found):
    assert of(tmp_path, text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (HTTP, {"mount-lost": "warning"}),
        (f"{HTTP} {{\nheader_up X-Forwarded-Prefix /app\n}}", {}),
        (FASTCGI % "", {"mount-lost": "note"}),
        (FASTCGI % "env SCRIPT_NAME /app", {}),
        ("file_server", {}),
    ],
)
def test_a_mount_point_that_is_taken_off(tmp_path, text, found):
    assert of(tmp_path, f"handle_path /app/* {{\n{text}\n}}") == found
    assert of(tmp_path, f"handle /app/* {{\nuri strip_prefix /app\n{text}\n}}") == found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("split .php", {"path-info-missing": "warning"}),
        ("split .php\nenv PATH_INFO {path}", {}),
        ("env SCRIPT_NAME /app", {"mount-twice": "warning"}),
        ("env SCRIPT_NAME /app\nenv PATH_INFO {path}", {}),
        ('env SCRIPT_NAME ""', {}),
        ("env PATH_INFO {uri}", {"path-split": "warning"}),
        ("env PATH_INFO", {}),
    ],
)
def test_variables(tmp_path, lines, found):
    assert of(tmp_path, FASTCGI % lines) == found


def test_a_path_with_a_script_may_be_split(tmp_path):
    assert of(tmp_path, "rewrite * /front.fcgi{path}\n" + FASTCGI % "split .fcgi") == {}


def test_what_is_for_index_files(tmp_path):
    assert of(tmp_path, "php_fastcgi unix//run/app") == {"try-files-404": "warning"}
    assert of(tmp_path, "php_fastcgi unix//run/php/php8.2-fpm.sock") == {}
    path = tmp_path / "Caddyfile"
    path.write_text(f"a.org {{\nroot * {tmp_path}\nphp_fastcgi unix/{tmp_path}/app\n}}\n")

    def found():
        return [one.severity for one in examine(str(path), Options(user="root")) if one.code == "try-files-404"]

    assert found() == ["error"]
    path.write_text(path.read_text().replace(f"root * {tmp_path}", "root * /no/such/directory"))
    assert found() == ["warning"]
    path.write_text(path.read_text().replace("root * /no/such/directory", f"root * {tmp_path}"))
    (tmp_path / "index.php").touch()
    assert found() == []
