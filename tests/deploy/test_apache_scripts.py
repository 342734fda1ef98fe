"""CGI and mod_fcgid."""

from __future__ import annotations

import pytest

from tests.deploy.apachewords import directives, lines_of
from tests.deploy.breakout import text


def test_at_the_root_the_script_has_a_slash() -> None:
    assert "ScriptAlias / /srv/example/cgi-bin/app.cgi/" in lines_of("cgi")
    assert not [line for line in lines_of("cgi") if line.startswith("ScriptAlias /cgi-bin/")]


def test_below_a_path_each_script_has_a_url_too() -> None:
    assert "ScriptAlias /cgi-bin/ /srv/example/cgi-bin/" in lines_of("cgi", mount="/app")
    assert "ScriptAlias /app /srv/example/cgi-bin/app.cgi" in lines_of("cgi", mount="/app")
    assert "ScriptAlias /cgi-bin/ /srv/example/cgi-bin/" not in lines_of("cgi", mount="/cgi-bin/x")


def test_another_script() -> None:
    lines = lines_of("spawn", script="/opt/x/run.fcgi", python="/opt/py/bin/python3")
    assert "ScriptAlias / /opt/x/run.fcgi/" in lines
    assert "<Directory /opt/x>" in lines
    assert "#   #!/opt/py/bin/python3" in lines


@pytest.mark.parametrize("mount", ["", "/app"])
def test_a_directory_with_a_space(mount: str) -> None:
    written = text("apache", "cgi", root="/srv/a b", mount=mount)
    assert {len(line) for line in directives(written) if line[0] == "ScriptAlias"} == {3}
    assert "#   '''exec' '/srv/a b/venv/bin/python' \"$0\" \"$@\"" in written.splitlines()


def test_the_lines_of_the_script() -> None:
    assert '#   run_with_cgi("it\'s:app")' in lines_of("cgi", app="it's:app")
    assert '#   run("app:application")' in lines_of("spawn")


def test_a_script_that_is_silent() -> None:
    assert "CGIDScriptTimeout 77" in lines_of("cgi", timeout=77.0)


def test_the_limits_of_mod_fcgid() -> None:
    lines = lines_of("spawn", upload_limit=5 << 20, timeout=7200.0, workers=7)
    for line in ("FcgidMaxRequestLen 5242880", "FcgidIOTimeout 7200", "FcgidBusyTimeout 7200"):
        assert line in lines
    assert "FcgidMaxProcessesPerClass 7" in lines
    assert "<If \"req_novary('Content-Length') -gt 5242880\">" in lines
    lines = lines_of("spawn", upload_limit=0)
    assert f"FcgidMaxRequestLen {1 << 40}" in lines
    assert not [line for line in lines if line.startswith("<If")]
