"""Modules of Apache that are needed."""

from __future__ import annotations

import pytest

from tests.doctor.asked import findings


def missing(tmp_path, loaded, text):
    lines = "".join(f"LoadModule {name}_module x.so\n" for name in loaded)
    found = findings(tmp_path / "a.conf", lines + text)
    return [finding.what for finding in found if finding.code == "module-missing"]


@pytest.mark.parametrize(
    ("loaded", "text", "what"),
    [
        (["env"], "ProxyPass / fcgi://x:1/\n", ["mod_proxy is not loaded", "mod_proxy_fcgi is not loaded"]),
        (["proxy"], "SetHandler proxy:ajp://x:1\n", ["mod_proxy_ajp is not loaded"]),
        (["alias"], "ScriptAlias / /srv/a.cgi/\n", ["mod_cgid is not loaded"]),
        (["alias", "cgi"], "ScriptAlias / /srv/a.cgi/\n", []),
        (["alias"], "ScriptAlias / /srv/a.fcgi/\nSetHandler fcgid-script\n", ["mod_fcgid is not loaded"]),
        (
            ["env"],
            "RewriteEngine On\nRequestHeader unset Proxy\n",
            ["mod_rewrite is not loaded", "mod_headers is not loaded"],
        ),
        ([], "RewriteEngine On\n", []),  # nothing is known of what is loaded elsewhere
    ],
)
def test_modules(tmp_path, loaded, text, what):
    assert missing(tmp_path, loaded, text) == what
