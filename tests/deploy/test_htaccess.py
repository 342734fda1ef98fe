"""The .htaccess of shared hosting."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from gateways.deploy.htaccess import HIDDEN, SECRET
from gateways.deploy.registry import describe, generate
from gateways.errors import ConfigError
from tests.deploy import hostile
from tests.deploy.apachewords import directives


@pytest.mark.parametrize(("transport", "name"), [("cgi", "cgi"), ("spawn", "fcgid")])
def test_the_script(transport: str, name: str) -> None:
    [file] = generate(describe("htaccess", transport, script="/var/www/you/index.py"))
    assert file.path == f"apache/htaccess/{name}.htaccess"
    handler = "cgi-script" if transport == "cgi" else "fcgid-script"
    assert ["AddHandler", handler, ".py"] in directives(file.text)
    assert ["RewriteRule", "^", "index.py", "[L]"] in directives(file.text)
    assert file.text.endswith('</FilesMatch>\n<Files "index.py">\n    Require all granted\n</Files>\n')


@pytest.mark.parametrize(
    ("name", "denied"),
    [
        *((name, True) for name in ("app.py", "app.pyc", "db.sqlite3", "shop.db-wal", ".env", ".htaccess", "x.toml")),
        *((name, False) for name in ("app.cgi", "app.fcgi", "style.css", ".well-known", "page.dbx", "python")),
    ],
)
def test_secret_names(name: str, denied: bool) -> None:
    assert bool(re.search(SECRET, name)) == denied


@pytest.mark.parametrize(
    ("path", "hidden"),
    [
        *((path, True) for path in (".git/config", "a/.git/x", ".env", "a/b.yml", "a~", "dump.sql/x", "a/x.log")),
        *((path, False) for path in (".well-known/a", "a/b.html", "log", "a.keys", "a.b/c")),
    ],
)
def test_hidden_paths(path: str, hidden: bool) -> None:
    assert bool(re.search(HIDDEN, path)) == hidden


def test_uploads_of_any_size() -> None:
    [file] = generate(describe("htaccess", upload_limit=0))
    assert "Content-Length" not in file.text
    assert ["RewriteEngine", "On"] in directives(file.text)


@given(mount=hostile.mounts)
def test_no_value_gets_out_of_its_word(mount: str) -> None:
    try:
        [file] = generate(describe("htaccess", mount=mount))
    except ConfigError:
        assert "${" in mount
        return
    assert ["RewriteBase", f"{mount}/"] in directives(file.text)


def test_what_the_host_decides() -> None:
    with pytest.raises(ConfigError, match="the host has decided about it"):
        generate(describe("htaccess", tls=("/c", "/k")))
