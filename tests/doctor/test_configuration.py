"""Which configuration a file is, gateways.toml, and that the files of conf/ have nothing wrong."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from gateways.doctor.configuration import APACHE, CADDY, GATEWAYS, H2O, HAPROXY, LIGHTTPD, NGINX, kind_of
from gateways.doctor.directives import read_text
from gateways.doctor.findings import ERROR, WARNING
from gateways.doctor.targets import Options, examine
from gateways.errors import ConfigError
from tests.doctor.asked import ONLY_READ, findings
from tests.support.source import CHECKOUT

CONF = CHECKOUT / "conf"
PATTERNS = ("nginx/*", "apache/*.conf", "lighttpd/*", "caddy/*", "haproxy/*", "h2o/*")
OURS = sorted(path for pattern in PATTERNS for path in CONF.glob(pattern) if path.is_file())


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_files_that_we_give_away(path: Path):
    found = list(examine(str(path), ONLY_READ))
    assert [finding for finding in found if finding.severity in (ERROR, WARNING)] == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("server { listen 80; }", NGINX),
        ("# <VirtualHost *:80>\nlocation / {\n}\n", NGINX),
        ("fastcgi_param A b;\n", NGINX),
        ("frontend's = 1;\nserver\t{\n}\n", NGINX),
        ("<VirtualHost *:80>\n</VirtualHost>\n", APACHE),
        ("ScriptAlias / /srv/app.fcgi/\n", APACHE),
        ('server.modules += ( "mod_fastcgi" )\n', LIGHTTPD),
        ("server.port=80\nindex-file.names+=( )\n", LIGHTTPD),
        ("global {\nserver.port := 80\n}\n", LIGHTTPD),
        ('$HTTP["url"] =~ "^/" {\n}\n', LIGHTTPD),
        ("a.org {\n\treverse_proxy unix//run/app.sock\n}\n", CADDY),
        ("a.org\nroot * /srv\nfile_server", CADDY),
        ("import sites/*\n", CADDY),
        ("a.org {\n\tproxy / a:1\n}\n", CADDY),
        ('hosts:\n  "example.org":\n', H2O),
        ("- file.dir: /srv\n- mruby.handler: |\n    a.b = 1\n", H2O),
        ('{ "fastcgi.connect": { port: 9000 } }\n', H2O),
        ("# server { }\nglobal # all\n    maxconn 9\n", HAPROXY),
        ("backend app from usual\n", HAPROXY),
        ("fcgi-app app\n", HAPROXY),
        ("listen app\n    bind :80\n", HAPROXY),
        ("[gateways]\nworkers = 2\n", GATEWAYS),
        ("[pool.shop]\n", GATEWAYS),
    ],
)
def test_what_it_is(tmp_path, text, kind):
    (tmp_path / "file").write_text(text)
    assert kind_of(str(tmp_path / "file")) == kind


def test_what_is_none(tmp_path):
    (tmp_path / "file").write_text("Dear Sir,\n")
    with pytest.raises(ConfigError, match="not a file that doctor knows"):
        kind_of(str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="No such file"):
        kind_of(str(tmp_path / "nothing"))


def test_comments_are_passed_over_in_one_go(tmp_path):
    """With a mark that goes over empty lines it takes minutes."""
    (tmp_path / "file").write_text("# x\n" * 100_000 + "server { }\n")
    assert kind_of(str(tmp_path / "file")) == NGINX


@pytest.mark.parametrize(
    "text",
    ["server { }\n", "<Directory />\n</Directory>\n", "server.port = 80\n", "file_server\n", "hosts: {}\n", "global\n"],
)
def test_a_file_that_may_not_be_read(tmp_path, monkeypatch, text):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    for kind in (NGINX, APACHE, LIGHTTPD, CADDY, HAPROXY, H2O):
        monkeypatch.setattr(importlib.import_module(f"gateways.doctor.{kind}.syntax"), "read_text", refuse)
    with pytest.raises(ConfigError, match="Permission denied; run as"):
        findings(tmp_path / "file", text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (NGINX, "server { }\ninclude other;\nserver {"),
        (APACHE, "<Directory />\n</Directory>\nInclude other\n<Directory />"),
        (LIGHTTPD, 'server.port = 80\ninclude "other"\nserver.port = {'),
        (CADDY, "file_server\nimport other\nhandle {"),
        (H2O, "hosts: !file other\nuser: x\nuser"),
    ],
)
def test_an_included_file_that_may_not_be_read(tmp_path, monkeypatch, kind, text):
    syntax = importlib.import_module(f"gateways.doctor.{kind}.syntax")

    def read(path):
        if path.endswith("other"):
            raise PermissionError(13, "Permission denied", path)
        return read_text(path)

    (tmp_path / "other").touch()
    monkeypatch.setattr(syntax, "read_text", read)
    found = findings(tmp_path / "file", text.rpartition("\n")[0])
    assert [finding.code for finding in found if finding.code.startswith("config")] == ["config-unread"]
    assert "Permission denied" in found[0].what
    assert "run as" in found[0].remedy
    assert findings(tmp_path / "file", text)[0].code == "config-syntax"  # what stands behind it is read


def test_nothing_wrong_is_said(tmp_path):
    [finding] = findings(tmp_path / "file", "server { listen 80; }\n")
    assert finding.code == "configuration-read"


def test_our_own(tmp_path, monkeypatch):
    monkeypatch.delenv("GATEWAYS_USER", raising=False)
    found = findings(tmp_path / "gateways.toml", '[pool.a]\napplication = "a:b"\nthreds = 2\n')
    assert found[0].code == "setting-wrong"
    assert found[0].where.endswith("gateways.toml:3")
    assert "threads" in found[0].what + found[0].remedy
    user = "" if __import__("os").geteuid() else 'user = "root"\n'
    text = f'[pool.a]\n{user}application = "a:b"\nhttp = ["127.0.0.1:0"]\n'
    (tmp_path / "gateways.toml").write_text(text)
    assert {finding.severity for finding in examine(str(tmp_path / "gateways.toml"), Options())} <= {"ok", "warning"}
