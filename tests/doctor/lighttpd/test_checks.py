"""What is wrong where lighttpd hands on. The faults of whole files are in tests/live/sitefaults_lighttpd.py."""

from __future__ import annotations

import pytest

from tests.doctor.asked import codes, findings

UTF8 = 'server.http-parseopts = ( "url-invalid-utf8-reject" => "disable" )\n'
STREAM = "server.stream-response-body = 1\n"
FINE = '"check-local" => "disable", "fix-root-scriptname" => "enable", "socket" => "/run/a"'


def of(tmp_path, options=FINE, extension="/", name="fastcgi", more=UTF8 + STREAM):
    return codes(tmp_path / "a", f'{more}{name}.server = ( "{extension}" => ((\n{options} )))\n')


@pytest.mark.parametrize("name", ["fastcgi", "scgi"])
def test_all_is_well(tmp_path, name):
    assert set(of(tmp_path, name=name)) == {"configuration-read"}


@pytest.mark.parametrize(
    ("options", "extension", "name", "code"),
    [
        (FINE.replace("disable", "enable"), "/", "fastcgi", "check-local"),
        ('"socket" => "/run/a"', ".fcgi", "fastcgi", None),
        ('"socket" => "/run/a"', "", "proxy", None),
        ('"socket" => "/run/a", "check-local" => "disable"', "/", "scgi", "path-split"),
        ('"socket" => "/run/a", "check-local" => "disable"', "/", "ajp13", "path-split"),
        ('"socket" => "/run/a", "check-local" => "disable"', "", "ajp13", None),
        ('"check-local" => "disable", "fix-root-scriptname" => "enable"', "/", "fastcgi", "pass-address"),
        (FINE, "/app", "fastcgi", "mount-wide"),
        (FINE, "/app/", "fastcgi", None),
        (f'{FINE}, "read-timeout" => 5', "/", "fastcgi", "timeout-short"),
        (f'{FINE}, "read-timeout" => 60', "/", "fastcgi", None),
        ('"socket" => "/run/a", "mode" => "authorizer"', "/", "fastcgi", None),
    ],
)
def test_options(tmp_path, options, extension, name, code):
    assert set(of(tmp_path, options, extension, name)) == {code or "configuration-read"}


def test_settings(tmp_path):
    assert set(of(tmp_path, more="")) == {"path-not-utf8", "stream-buffered"}
    assert of(tmp_path, more=UTF8 + "server.stream-response-body = 0\n")["stream-buffered"] == 2
    assert of(tmp_path, more=UTF8 + STREAM + "server.stream-request-body = 1\n")["body-unmeasured"] == 3
    assert of(tmp_path, more=UTF8 + STREAM + "server.max-request-size = 64\n")["body-limit"] == 3
    assert "body-limit" not in of(tmp_path, more=UTF8 + STREAM + "server.max-request-size = 102400\n")


def test_a_condition_makes_a_mount_point_narrow(tmp_path):
    text = f'{UTF8}{STREAM}$HTTP["url"] =~ "^/app(/|$)" {{ fastcgi.server = ( "/app" => (( {FINE} ))) }}\n'
    assert set(codes(tmp_path / "a", text)) == {"configuration-read"}


def test_modules(tmp_path):
    for more, severity in (("", "warning"), ('server.document-root = "/srv"\n', "error")):
        text = f'{UTF8}{STREAM}{more}server.modules = ( "mod_scgi" )\nfastcgi.server = ( "/" => (( {FINE} )))\n'
        [finding] = findings(tmp_path / "a", text)
        assert (finding.code, finding.severity) == ("module-missing", severity)
    assert "module-missing" not in of(tmp_path, more=f'{UTF8}{STREAM}server.modules = ( "mod_fastcgi" )\n')


def test_aliases(tmp_path):
    found = codes(tmp_path / "a", 'alias.url = ( "/a/" => "/srv/a",\n"/b/" => "/srv/b/", "/c" => "/srv/c" )\n')
    assert found == {"alias-slash": 1}


def test_a_file_that_nothing_includes(tmp_path):
    (tmp_path / "conf-available").mkdir()
    (tmp_path / "lighttpd.conf").write_text(f'{UTF8}{STREAM}include "conf-available/*.conf"\n')
    text = f'fastcgi.server = ( "/" => (( {FINE} )))\n'
    assert set(codes(tmp_path / "conf-available" / "10-a.conf", text)) == {"configuration-read"}
    assert "config-disabled" in codes(tmp_path / "conf-available" / "10-a.off", text)


def test_the_program_that_is_started(tmp_path):
    from gateways.doctor.targets import Options, examine

    program = tmp_path / "a.fcgi"
    path = tmp_path / "a"
    path.write_text(f'{UTF8}{STREAM}fastcgi.server = ( "/" => (( {FINE}, "bin-path" => "{program} -x" )))\n')
    for remedy in ("correct the path", f"chmod 755 {program}"):
        [finding] = examine(str(path), Options(user="root"))
        assert (finding.code, finding.remedy) == ("script-absent", remedy)
        program.touch()
        program.chmod(0o644)
    program.chmod(0o755)
    assert [finding.code for finding in examine(str(path), Options(user="root"))] == ["configuration-read"]
