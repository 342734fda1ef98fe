"""How .htaccess is read."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest

from gateways.doctor.htaccessfile import files_for, read_file, read_files


def write(directory: Path, text: str | bytes) -> str:
    path = directory / ".htaccess"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (b"\xef\xbb\xbfOptions +ExecCGI\n", "htaccess-bom", ""),
        ("# one\n\nAddHandlr cgi-script .cgi\n", "htaccess-unknown-directive", ":3"),
        ("FcgidMaxRequestLen 1000\n", "htaccess-not-allowed", ":1"),
        ("<Directory /srv>\n</Directory>\n", "htaccess-not-allowed", ":1"),
        ("<Files x>\n", "htaccess-unclosed", ":1"),
        ("\n</Files>\n", "htaccess-unclosed", ":2"),
        ("<Files x>", "htaccess-unclosed", ":1"),
        ("Options ExecCGI -Indexes\n", "htaccess-options-mixed", ":1"),
        ("  options ExecCGI -Indexes\n", "htaccess-options-mixed", ":1"),
    ],
)
def test_what_apache_refuses(tmp_path: Path, text: str | bytes, code: str, line: str) -> None:
    path = write(tmp_path, text)
    [finding] = read_file(path).findings
    assert (finding.code, finding.where) == (code, f"{path}{line}")
    if not text.startswith("<Dir" if isinstance(text, str) else b"<Dir"):
        subprocess.run(["sh", "-c", finding.remedy], check=True)
        assert read_file(path).findings == []


def test_sections_are_closed_from_the_innermost_on(tmp_path: Path) -> None:
    path = write(tmp_path, "<IfModule mod_x.c>\n<Files x>\nSetEnv A 1\n")
    found = read_file(path).findings
    assert [(finding.code, finding.where) for finding in found] == [
        ("htaccess-unclosed", f"{path}:2"),
        ("htaccess-unclosed", f"{path}:1"),
    ]
    for finding in found:
        subprocess.run(["sh", "-c", finding.remedy], check=True)
    assert read_file(path).findings == []


@pytest.mark.parametrize(
    "text",
    [
        "Options +ExecCGI -MultiViews\n",
        "options execcgi followsymlinks\n",
        "php_value upload_max_filesize 10M\n",  # of a module that may be there
        "<IfModule mod_rewrite.c>\nRewriteEngine On\n</IfModule>\n",
        "RewriteRule ^ \\\n  app.cgi \\\n  [L]\n",
    ],
)
def test_what_apache_takes(tmp_path: Path, text: str) -> None:
    assert read_file(write(tmp_path, text)).findings == []


def test_a_line_that_goes_on(tmp_path: Path) -> None:
    [directive] = read_file(write(tmp_path, '# no\nSetEnv A \\\n "b c"\n')).directives
    assert (directive.name, directive.args, directive.line) == ("setenv", ("A", "b c"), 2)


@pytest.mark.parametrize("character", ["\f", "\x85", "\u2028"])
def test_what_ends_a_line_is_a_line_feed_alone(tmp_path: Path, character: str) -> None:
    [first, second] = read_file(write(tmp_path, f"SetEnv A x{character}y\r\nOptions -Indexes\r\n")).directives
    assert (first.line, second.line, second.args) == (1, 2, ("-Indexes",))


@pytest.mark.parametrize(
    ("text", "name", "handler"),
    [
        ("AddHandler cgi-script .cgi .pl\n", "app.cgi", "cgi-script"),
        ("AddHandler cgi-script cgi\n", "app.cgi", "cgi-script"),
        ("AddHandler cgi-script .cgi\n", "app.fcgi", ""),
        ("AddHandler cgi-script .cgi\nAddHandler fcgid-script .cgi\n", "app.cgi", "fcgid-script"),
        ("<Files app.fcgi>\nSetHandler fcgid-script\n</Files>\n", "app.fcgi", "fcgid-script"),
        ("<Files app.fcgi>\nSetHandler fcgid-script\n</Files>\n", "other.fcgi", ""),
        ('<FilesMatch "\\.fcgi$">\nSetHandler fcgid-script\n</FilesMatch>\n', "app.fcgi", "fcgid-script"),
        ('<Files "*.cgi">\nSetHandler cgi-script\n</Files>\n', "app.cgi", "cgi-script"),
        ('<Files "*.cgi">\nSetHandler cgi-script\n</Files>\n', "app.fcgi", ""),
        ('<Files ~ "\\.cgi$">\nSetHandler cgi-script\n</Files>\n', "app.cgi", "cgi-script"),
        ('<Files ~ "\\.cgi$">\nSetHandler cgi-script\n</Files>\n', "app.py", ""),
        ("AddHandler cgi-script .cgi\n", "cgi", ""),
        ("AddHandler cgi-script .\n", "app", ""),
        ("AddHandler cgi-script .cgi\nSetHandler None\n", "app.cgi", ""),
        ("SetHandler default-handler\n", "app.cgi", ""),
        ("AddHandler wsgi-script .py\n", "app.py", "wsgi-script"),
        ('FcgidWrapper "/srv/app.fcgi" .fcgi\n', "app.fcgi", ""),  # says with what, and not that it is a script
        ('AddHandler cgi-script .cgi\nFcgidWrapper "/srv/php" .php\n', "app.cgi", "cgi-script"),
    ],
)
def test_the_handler_of_a_file(tmp_path: Path, text: str, name: str, handler: str) -> None:
    assert read_file(write(tmp_path, text)).handler(name) == handler


def test_what_a_script_gets(tmp_path: Path) -> None:
    text = 'SetEnv LC_ALL C\nSetEnv NAME "two words"\nSetEnv EMPTY\nRLimitMEM 1000 2000\nRLimitCPU max\n'
    around = read_file(write(tmp_path, text)).surroundings()
    assert dict(around.environ) == {"LC_ALL": "C", "NAME": "two words", "EMPTY": ""}
    assert dict(around.limits) == {resource.RLIMIT_AS: 2000}


def test_the_files_above_hold_too(tmp_path: Path) -> None:
    below = tmp_path / "one" / "two"
    below.mkdir(parents=True)
    outer, inner = write(tmp_path, "AddHandler cgi-script .cgi\n"), write(below, "SetEnv A 1\n")
    assert files_for(str(below))[-2:] == [outer, inner]
    assert [directive.name for directive in read_files([outer, "/nowhere", inner]).directives] == [
        "addhandler",
        "setenv",
    ]
