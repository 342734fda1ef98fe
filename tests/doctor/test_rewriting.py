"""Rules of mod_rewrite."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gateways.doctor import rewriting
from gateways.doctor.htaccessfile import read_file

ON = "RewriteEngine On\n"
COND = "RewriteCond %{REQUEST_FILENAME} !-f\n"


def examine(directory: Path, text: str) -> list[str]:
    (directory / "app.cgi").touch()
    path = directory / ".htaccess"
    path.write_text(text)
    return [finding.code for finding in rewriting.examine(read_file(str(path)).directives, str(path))]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("RewriteRule ^ app.cgi [L]\n", "htaccess-rewrite-off"),
        (f"{ON}RewriteRule ^/(.*)$ app.cgi [L]\n", "htaccess-rewrite-slash"),
        (f"{ON}{COND}RewriteRule ^ index.cgi [L]\n", "htaccess-rewrite-target"),
        (f"{ON}RewriteRule ^(.*)$ app.cgi/$1 [L]\n", "htaccess-rewrite-loop"),
        (f"{ON}RewriteRule (.*) /app/$1 [L]\n", "htaccess-rewrite-loop"),
        (f"{ON}{COND}RewriteRule ^(.*)$ app.cgi/$1 [L]\n", "htaccess-rewrite-path"),
    ],
)
def test_a_mistake(tmp_path: Path, text: str, code: str) -> None:
    assert examine(tmp_path, text) == [code]


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ON}{COND}RewriteRule ^ app.cgi [L]\n",
        f"{ON}RewriteRule ^ app.cgi [L]\n",  # Apache stops where nothing changes
        f"{ON}RewriteRule ^(.*)$ app.cgi/$1 [END]\n".replace("/$1", ""),
        f"{ON}RewriteRule ^/?(.*)$ https://example.org/$1 [R=301,L]\n",
        f"{ON}RewriteRule ^app\\.cgi - [L]\nRewriteRule ^(.*)$ app.cgi?$1 [L]\n",
        f"{ON}RewriteRule .* - [E=HTTP_AUTHORIZATION:%{{HTTP:Authorization}}]\n",
        f"{ON}RewriteRule ([ app.cgi [L]\n",  # Apache says so itself
        f"{ON}RewriteRule x\n",
    ],
)
def test_no_mistake(tmp_path: Path, text: str) -> None:
    assert examine(tmp_path, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "RewriteRule ^ app.cgi [L]\n",
        f"{ON}RewriteRule ^/(.*)$ app.cgi [L]\n",
        f"{ON}{COND}RewriteRule ^ index.cgi [L]\n",
        f"{ON}{COND}RewriteRule ^(.*)$ app.cgi/$1 [L]\n",
        f"{ON}RewriteRule ^(.*)$ app.cgi?x=$1 [L]\n",
    ],
)
def test_a_remedy_mends_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "app.cgi").touch()
    path = tmp_path / ".htaccess"
    path.write_text(text)
    for finding in rewriting.examine(read_file(str(path)).directives, str(path)):
        subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert list(rewriting.examine(read_file(str(path)).directives, str(path))) == []
