"""``gateways init``: what it says and does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.cli import main
from gateways.doctor import directory, modes
from gateways.doctor.apache import facts
from tests.support.source import CHECKOUT

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An account on a host: nothing in it but the directory of the site, and gateways where its Python finds it."""
    monkeypatch.setattr(facts, "CONFIGURATIONS", ())
    monkeypatch.setattr(facts, "running_configurations", lambda: ())
    for module in (modes, directory):
        monkeypatch.setattr(module, "closed_directory", lambda account, path: "")
    (tmp_path / "public_html").mkdir()
    (tmp_path / "public_html" / "gateways").symlink_to(CHECKOUT / "gateways")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*arguments: str) -> int:
    user = str(os.geteuid())
    return main(["init", "--python", sys.executable, "--user", user, *arguments])


@pytest.mark.parametrize("flags", [[], ["--cgi"]])
def test_an_empty_account(home: Path, capsys: Capture, flags: list[str]) -> None:
    assert init("--hello", *flags) == 0
    out = capsys.readouterr().out.splitlines()
    site = home / "public_html"
    script = site / ("app.cgi" if flags else "app.fcgi")
    assert out[:2] == [
        "found: no application: app.py will be a page to begin with",
        f"found: Python with gateways, {sys.executable}",
    ]
    assert out[2:5] == [f"wrote: {script}", f"wrote: {site}/app.py", f"wrote: {site}/.htaccess"]
    assert out[5].startswith(f"ok: {script}: it answers 200 by {'CGI' if flags else 'FastCGI'}")
    assert out[6].startswith("next: open your site in a browser")
    assert len(out) == 7


def test_a_second_time(home: Path, capsys: Capture) -> None:
    assert init("--hello") == 0
    capsys.readouterr()
    assert init("--hello") == 0
    assert capsys.readouterr().out.count("unchanged: ") == 3
    assert init() == 0  # the page is an application now
    assert "wrote: " not in capsys.readouterr().out


def test_the_application_beside_the_site(home: Path, capsys: Capture) -> None:
    (home / "app.py").write_text("def app(environ, start_response):\n    start_response('200 OK', [])\n    return []\n")
    assert init("--cgi") == 0
    assert capsys.readouterr().out.startswith(f"found: application app:app in {home}/app.py\n")
    assert f'sys.path.insert(0, "{home}")' in (home / "public_html" / "app.cgi").read_text()


def test_an_application_that_does_not_work(home: Path, capsys: Capture) -> None:
    (home / "public_html" / "app.py").write_text("import nowhere\napplication = 1\n")
    assert init("--cgi") == 1
    out = capsys.readouterr().out
    assert "[module-absent]" in out
    assert (
        out.splitlines()[-1] == f"next: do what the lines above say, and try again: gateways doctor {home}/public_html"
    )


def test_several_applications(home: Path, capsys: Capture) -> None:
    for name in ("app.py", "main.py"):
        (home / "public_html" / name).write_text("def application(e, s):\n    s('200 OK', [])\n    return []\n")
    init("--cgi", "--dry-run")
    assert "found: also main:application; --app takes another one" in capsys.readouterr().out
    init("--cgi", "--app", "main:application", "--dry-run")
    assert 'run_with_cgi("main:application")' in capsys.readouterr().out


def test_a_dry_run_writes_nothing(home: Path, capsys: Capture) -> None:
    before = sorted(os.listdir(home / "public_html"))
    assert init("--hello", "--dry-run") == 0
    out = capsys.readouterr().out
    assert f"would write: {home}/public_html/app.fcgi\n    #!{sys.executable}\n" in out
    assert sorted(os.listdir(home / "public_html")) == before


def test_removal(home: Path, capsys: Capture) -> None:
    before = sorted(os.listdir(home / "public_html"))
    init("--hello")
    capsys.readouterr()
    assert main(["init", "--remove", "--dry-run"]) == 0
    assert capsys.readouterr().out.count("would remove: ") == 3
    assert main(["init", "--remove"]) == 0
    assert capsys.readouterr().out.count("removed: ") == 3
    assert sorted(os.listdir(home / "public_html")) == before
    assert main(["init", "--remove"]) == 0
    assert "nothing in" in capsys.readouterr().err


def test_an_htaccess_that_is_there(home: Path, capsys: Capture) -> None:
    htaccess = home / "public_html" / ".htaccess"
    htaccess.write_text("ErrorDocument 404 /404.html\n")
    assert init("--hello") == 2
    assert "--add-to-htaccess" in capsys.readouterr().err
    assert sorted(os.listdir(htaccess.parent)) == [".htaccess", "gateways"]
    assert init("--hello", "--add-to-htaccess") == 0
    assert main(["init", "--remove"]) == 0
    assert "(its lines in it)" in capsys.readouterr().out
    assert htaccess.read_text() == "ErrorDocument 404 /404.html\n"


def test_a_cgi_bin(home: Path, capsys: Capture) -> None:
    (home / "cgi-bin").mkdir()
    (home / "cgi-bin" / "gateways").symlink_to(CHECKOUT / "gateways")
    assert init("cgi-bin", "--cgi", "--hello", "--name", "shop") == 0
    assert sorted(os.listdir(home / "cgi-bin")) == ["app.py", "gateways", "shop.cgi"]
    assert "the address ends with shop.cgi/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is no application in"),
        (["--hello", "nowhere"], "is no directory"),
        (["--hello", "--name", "a/b"], "give the name of a file"),
        (["--hello", "--name", "a b"], "--name 'a b': give the name of a file"),
        (["--hello", "--python", "/it's"], "move it"),
        (["--hello", "--user", "nobody-at-all"], "there is no user"),
    ],
)
def test_nothing_is_done(home: Path, capsys: Capture, arguments: list[str], message: str) -> None:
    assert init(*arguments) == 2
    assert message in capsys.readouterr().err
    assert os.listdir(home / "public_html") == ["gateways"]


def test_two_sites(home: Path, capsys: Capture) -> None:
    (home / "htdocs").mkdir()
    assert init("--hello") == 2
    assert "there are public_html and htdocs" in capsys.readouterr().err


def test_an_application_with_a_syntax_error(home: Path, capsys: Capture) -> None:
    (home / "public_html" / "app.py").write_text("import os\ndef application(\n")
    assert init("--cgi") == 2
    assert f"{home}/public_html/app.py:2: " in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="there is no file that nobody can read")
def test_an_application_that_cannot_be_read(home: Path, capsys: Capture) -> None:
    (home / "public_html" / "app.py").symlink_to("/proc/self/mem")
    assert init("--app", "app:application") == 2
    assert f"{home}/public_html/app.py: Input/output error" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["public_html", "."])
def test_an_application_that_everybody_could_read(home: Path, capsys: Capture, place: str) -> None:
    (home / place / "app.py").write_text("def application(e, s):\n    s('200 OK', [])\n    return []\n")
    init("--cgi", "--dry-run")
    out = capsys.readouterr().out
    assert (f"warning: the application lies in {home}/public_html" in out) == (place != ".")
    assert (f"better move all to {home}\n" in out) == (place != ".")


def test_a_reader_that_has_gone(home: Path) -> None:
    """What is to be written is written all the same."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "gateways", "init", "--python", sys.executable, "--user", str(os.geteuid())]
    try:
        ended = subprocess.run(
            [*command, "--hello"],
            stdout=writing,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            check=False,
        )
    finally:
        os.close(writing)
    assert ended.stderr == b""
    assert sorted(os.listdir(home / "public_html")) == [".htaccess", "app.fcgi", "app.py", "gateways"]
