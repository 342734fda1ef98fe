"""Lines of error logs, as Apache 2.4 and nginx write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateways.doctor.errorlog import examine_errorlog, explain_line
from gateways.doctor.targets import Options
from gateways.errors import ConfigError

HEAD = "[Sun Nov 29 09:48:55.175462 2026] [cgid:error] [pid 7:tid 8] "


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("(2)No such file or directory: exec of '/srv/app.cgi' failed", "log-script-not-started", "No such file"),
        ("(8)Exec format error: exec of '/srv/a b.cgi' failed", "log-script-not-started", "/srv/a b.cgi"),
        ("AH02811: End of script output before headers: app.cgi", "log-script-without-answer", "app.cgi"),
        ("Premature end of script headers: app.fcgi", "log-script-without-answer", "app.fcgi"),
        ("malformed header from script 'app.cgi': Bad header: hello", "log-script-without-answer", "hello"),
        ("AH01262: stderr from /srv/app.cgi: Options ExecCGI is off in this directory", "log-no-execcgi", "ExecCGI"),
        ("/srv/.htaccess: /srv/.htaccess:29: <FilesMatch> was not closed.", "log-htaccess-refused", "<FilesMatch>"),
        ("/srv/.htaccess: Options not allowed here", "log-not-allowed-here", "Options"),
        ("/srv/.htaccess: Invalid command 'AddHandlr', perhaps misspelled", "log-htaccess-refused", "AddHandlr"),
        ("AH00124: Request exceeded the limit of 10 internal redirects due to", "log-rewrite-loop", "circle"),
        (
            "(13)Permission denied: AH00035: access to / denied (filesystem path '/srv/x') because search permissions "
            "are missing on a component of the path",
            "log-directory-closed",
            "/srv/x",
        ),
        ("/srv/.htaccess pcfg_openfile: unable to check htaccess file", "log-directory-closed", "/srv/.htaccess"),
        ("AH01630: client denied by server configuration: /srv/app.py", "log-access-denied", "/srv/app.py"),
        (
            "mod_fcgid: HTTP request length 139264 (so far) exceeds MaxRequestLen (131072)",
            "log-body-too-large",
            "139264 bytes is more than FcgidMaxRequestLen, 131072",
        ),
        ("client intended to send too large body: 2097152 bytes", "log-body-too-large", "nginx"),
        ("mod_fcgid: read data timeout in 40 seconds", "log-no-answer-in-time", "40 s"),
        ("upstream timed out (110: Connection timed out) while", "log-no-answer-in-time", "backend"),
        ("suexec policy violation: see suexec log for more details", "log-suexec", "suexec"),
        ("connect() to unix:/a.sock failed (13: Permission denied)", "log-backend-unreachable", "sock: Permission"),
        ("connect() to 127.0.0.1:9000 failed (111: Connection refused)", "log-backend-unreachable", "127.0.0.1:9000"),
        (
            "(2)No such file or directory: AH02454: FCGI: attempt to connect to Unix domain socket /run/app.sock (*)",
            "log-backend-unreachable",
            "/run/app.sock: No such file",
        ),
        ("upstream prematurely closed connection while reading", "log-backend-broke-off", "broke off"),
        ("upstream sent too big header while reading", "log-headers-too-large", "nginx"),
    ],
)  # fmt: skip
def test_a_line(line: str, code: str, words: str) -> None:
    finding = explain_line("error.log", HEAD + line)
    assert finding is not None
    assert finding.code == code
    assert words in finding.what


def test_letters_that_apache_writes_byte_by_byte() -> None:
    finding = explain_line("log", HEAD + r"(8)Exec format error: exec of '/srv/g\xc3\xa4ste/\xff\xc2\x9b.cgi' failed")
    assert finding is not None
    assert r"/srv/gäste/\xff\xc2\x9b.cgi: Exec" in finding.what
    finding = explain_line("log", HEAD + r"(8)Exec format error: exec of '/srv/g\xc3\xa4ste/\xc2\x9b.cgi' failed")
    assert finding is not None
    assert finding.remedy == r"gateways doctor '/srv/gäste/\xc2\x9b.cgi'"


def test_other_lines() -> None:
    assert explain_line("error.log", HEAD + "AH00489: Apache/2.4.71 configured -- resuming normal operations") is None


def codes(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "error.log"
    path.write_text(text)
    return [finding.code for finding in examine_errorlog(str(path), Options())]


def test_the_newest_first_and_each_once(tmp_path: Path) -> None:
    one, two = "suexec policy violation\n", "upstream timed out (110)\n"
    assert codes(tmp_path, one * 50 + two + one) == ["log-suexec", "log-no-answer-in-time"]


@pytest.mark.parametrize("form", ["AH01215: {}: /srv/app.cgi", "AH01215: stderr from /srv/app.cgi: {}"])
def test_the_traceback_says_more_than_the_premature_end(tmp_path: Path, form: str) -> None:
    lines = [
        form.format("Traceback (most recent call last):"),
        form.format('  File "/srv/app.cgi", line 2, in <module>'),
        form.format("    import nowhere"),
        form.format("ModuleNotFoundError: No module named 'nowhere'"),
        "End of script output before headers: app.cgi",
    ]
    assert codes(tmp_path, "\n".join(HEAD + line for line in lines)) == ["module-absent"]


def test_nothing_and_no_log(tmp_path: Path) -> None:
    assert codes(tmp_path, "") == ["log-says-nothing"]
    with pytest.raises(ConfigError, match="run as a user who may read it"):
        list(examine_errorlog(str(tmp_path / "absent.log"), Options()))


def test_what_a_client_sent_cannot_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "error.log"
    path.write_text("malformed header from script 'a': Bad header: \x1b[2J\n")
    [finding] = examine_errorlog(str(path), Options())
    assert "\x1b" not in finding.what
