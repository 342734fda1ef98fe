"""What gateways init writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateways.deploy.hosting.applications import Found
from gateways.deploy.hosting.files import HELLO, Site, hello_text, htaccess_text, script_text
from gateways.deploy.hosting.marks import is_unchanged


def site(tmp_path: Path, cgi: bool = False, **found: str) -> Site:
    values = {"spec": "app:application", "directory": str(tmp_path), "file": "", **found}
    return Site(str(tmp_path), Found(**values), "/home/you/venv/bin/python", cgi)


def test_a_script(tmp_path: Path) -> None:
    lines = script_text(site(tmp_path)).splitlines()
    assert lines[0] == "#!/home/you/venv/bin/python"
    assert lines[1].startswith("# Written by gateways init ")
    assert lines[2:] == ["from gateways import run", "", 'run("app:application")']


def test_a_cgi_script(tmp_path: Path) -> None:
    assert script_text(site(tmp_path, cgi=True)).endswith('import run_with_cgi\n\nrun_with_cgi("app:application")\n')


def test_an_application_elsewhere_and_asgi(tmp_path: Path) -> None:
    text = script_text(site(tmp_path, directory="/home/you/it's \"", interface="asgi"))
    compile(text, "app.fcgi", "exec")
    assert "sys.path.insert(0, '/home/you/it\\'s \"')" in text
    assert 'run("app:application", interface="asgi")' in text
    assert is_unchanged(text)


@pytest.mark.parametrize(("cgi", "handler"), [(True, "cgi-script .cgi"), (False, "fcgid-script .fcgi")])
def test_htaccess(tmp_path: Path, cgi: bool, handler: str) -> None:
    text = htaccess_text(Site(str(tmp_path), Found("app:app", str(tmp_path), ""), "/x", cgi, "shop"))
    assert f"\nAddHandler {handler}\n" in text
    assert text.startswith(f"# Gives every URL that is not a file to shop.{'cgi' if cgi else 'fcgi'}.")
    assert "Written by" not in text
    assert f"\nRewriteRule ^ shop.{'cgi' if cgi else 'fcgi'} [L]\n" in text


def test_the_page_to_begin_with() -> None:
    names: dict[str, object] = {}
    exec(compile(hello_text(), "app.py", "exec"), names)
    assert callable(names["application"])
    assert is_unchanged(hello_text())
    assert HELLO.startswith('"""')
