"""The access log: every directive, one escaped line for each request, and formats that cannot be used."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.errors import ConfigError
from gateways.server import accesslog
from gateways.server.accesslog import FORMATS, AccessLog, Entry, compile_format
from gateways.server.errorlog import ErrorLog
from gateways.server.logfile import MAX_LINE

ENVIRON = {
    "REMOTE_ADDR": "192.0.2.7",
    "REMOTE_USER": "alice",
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/app/a%20b?x=1",
    "SCRIPT_NAME": "/app",
    "PATH_INFO": "/a b",
    "QUERY_STRING": "x=1",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_NAME": "www.example.org",
    "SERVER_PORT": "8443",
    "CONTENT_TYPE": "text/plain",
    "HTTP_REFERER": "http://example.org/",
    "HTTP_USER_AGENT": "Browser/1.0 (X11)",
    "wsgi.multithread": True,
}
HEADERS = [("Content-Type", "text/html"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2")]


def format_entry(format: str, environ: dict[str, Any] = ENVIRON, aborted: bool = False, status: str = "200 OK") -> str:
    return compile_format(format).render(Entry(environ, status, HEADERS, 1234, 1.5, aborted))


@pytest.mark.parametrize(
    ("directive", "text"),
    [
        ("%h", "192.0.2.7"),
        ("%a", "192.0.2.7"),
        ("%l", "-"),
        ("%u", "alice"),
        ("%r", "GET\\x20/app/a%20b?x=1\\x20HTTP/1.1"),
        ('"%r"', '"GET /app/a%20b?x=1 HTTP/1.1"'),
        ("%s", "200"),
        ("%>s", "200"),
        ("%<s", "200"),
        ("%b", "1234"),
        ("%B", "1234"),
        ("%D", "1500000"),
        ("%T", "1"),
        ("%m", "GET"),
        ('"%U"', '"/app/a b"'),
        ("%U", "/app/a\\x20b"),
        ("%q", "?x=1"),
        ("%H", "HTTP/1.1"),
        pytest.param("%P", str(os.getpid()), id="%P"),  # the same id in every process of pytest-xdist
        ("%p", "8443"),
        ("%v", "www.example.org"),
        ("%X", "+"),
        ("%{Referer}i", "http://example.org/"),
        ("%{user-agent}i", "Browser/1.0\\x20(X11)"),
        ("%{Content-Type}i", "text/plain"),
        ("%{X-Absent}i", "-"),
        ("%{content-type}o", "text/html"),
        ('"%{Set-Cookie}o"', '"a=1, b=2"'),
        ("%{X-Absent}o", "-"),
        ("%{SERVER_NAME}e", "www.example.org"),
        ("%{wsgi.multithread}e", "True"),
        ("%{ABSENT}e", "-"),
        ("%%", "%"),
        ("100%% %s%%", "100% 200%"),
        ("no directive", "no directive"),
        ("", ""),
    ],
)
def test_every_directive(directive: str, text: str) -> None:
    assert format_entry(directive) == text


def test_bytes_out_counts_the_header_block() -> None:
    head = b"Status: 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\n"
    assert format_entry("%O") == str(1234 + len(head))


def test_the_named_formats() -> None:
    clock = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    common = rf'192\.0\.2\.7 - alice {clock} "GET /app/a%20b\?x=1 HTTP/1\.1" 200 1234'
    assert re.fullmatch(common, format_entry(FORMATS["common"]))
    combined = rf'{common} "http://example\.org/" "Browser/1\.0 \(X11\)"'
    assert re.fullmatch(combined, format_entry(FORMATS["combined"]))


def test_what_is_missing_is_a_dash() -> None:
    assert (
        re.sub(r"\[.*?\]", "[]", format_entry(FORMATS["combined"], {}, status="")) == '- - - [] "- - -" - 1234 "-" "-"'
    )
    assert format_entry("%b%B%O", {}, status="") == "123412341234"
    assert format_entry("%U%q|", {}) == "-|"


def test_the_request_line_without_request_uri() -> None:
    environ = {name: value for name, value in ENVIRON.items() if name != "REQUEST_URI"}
    assert format_entry('"%r"', environ) == '"GET /app/a b?x=1 HTTP/1.1"'


def test_a_client_that_left_is_499_where_it_was_given_no_status() -> None:
    assert format_entry("%>s %X", aborted=True, status="") == "499 X"
    assert format_entry("%>s %X", aborted=True) == "200 X"


@pytest.mark.parametrize(
    ("format", "shown", "position"),
    [
        ("%h %y", "%y", 4),
        ("%{Referer}x", "%{Referer}x", 1),
        ("100%", "%", 4),
        ("%{Referer", "%{", 1),
        ("%{}i", "%{", 1),
        ("a % b", "% ", 3),
        ("%!200s", "%!", 1),
    ],
)
def test_an_unknown_directive_is_refused_with_its_place(format: str, shown: str, position: int) -> None:
    with pytest.raises(ConfigError) as caught:
        AccessLog("-", format)
    message = str(caught.value)
    assert message.startswith(
        f"access_log_format: {shown!r} at character {position} is not known; there are %% %a %b %B "
    )
    assert message.endswith("%{HEADER}i %{HEADER}o %{VARIABLE}e")


# Finding 14: one request, one line


@pytest.mark.parametrize("code", [*range(32), *b'"\\', *range(127, 256)])
def test_finding_14_every_unsafe_byte_is_escaped(code: int) -> None:
    hostile = f"a{chr(code)}b"
    environ = {**ENVIRON, **dict.fromkeys(("REQUEST_URI", "REMOTE_USER", "HTTP_USER_AGENT", "PATH_INFO"), hostile)}
    line = format_entry('%u "%r" "%{User-Agent}i" "%U"', environ)
    escaped = f"a\\x{code:02x}b"
    assert line == f'{escaped} "GET {escaped} HTTP/1.1" "{escaped}" "/app{escaped}"'


def test_finding_14_a_user_name_cannot_forge_fields() -> None:
    environ = {**ENVIRON, "REMOTE_USER": 'bob [01/Jan/2000:00:00:00 +0000] "GET /'}
    assert len(format_entry("%h %u %s", environ).split(" ")) == 3


def test_characters_that_are_no_bytes_are_escaped_too() -> None:
    assert format_entry('"%u"', {"REMOTE_USER": "a€"}) == '"a\\u20ac"'


@given(st.dictionaries(st.sampled_from(sorted(ENVIRON)), st.text(st.characters(max_codepoint=255))))
def test_finding_14_any_environ_is_one_parsable_line(environ: dict[str, str]) -> None:
    line = format_entry(FORMATS["combined"], environ)
    assert line.isascii()
    assert line.isprintable()
    assert re.fullmatch(r'[!-~]+ - [!-~]+ \[[^\]]+\] "[^"]*" \d{3} \d+ "[^"]*" "[^"]*"', line)


# Writing


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "access.log"


def write(log: AccessLog, environ: dict[str, Any] = ENVIRON) -> None:
    log.write(environ, "200 OK", HEADERS, 1234, 0.01, False, 7)


def test_a_request_is_one_line(path: Path) -> None:
    log = AccessLog(str(path), '%h "%r" %>s %b')
    write(log)
    write(log)
    assert path.read_text() == '192.0.2.7 "GET /app/a%20b?x=1 HTTP/1.1" 200 1234\n' * 2
    log.close()


def test_a_long_line_is_cut(path: Path) -> None:
    log = AccessLog(str(path), '"%r"')
    write(log, {**ENVIRON, "REQUEST_URI": "/" + "\xff" * 100_000})
    write(log)
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines[0]) == MAX_LINE
    assert len(lines) == 2
    log.close()


def test_L26_a_full_disk_is_said_once_in_the_error_log(path: Path) -> None:
    error_log = ErrorLog(str(path))
    log = AccessLog("/dev/full", "combined", error_log)
    write(log)
    write(log)
    assert path.read_text().count("\n") == 1
    assert path.read_text().endswith("error: access_log cannot be written, lines are lost: No space left on device\n")
    log.close()
    error_log.close()


def test_L26_without_an_error_log_nothing_is_said() -> None:
    log = AccessLog("/dev/full", "combined")
    write(log)
    log.close()


def test_reopen_follows_a_renamed_file(path: Path) -> None:
    log = AccessLog(str(path), "%m")
    write(log)
    path.rename(path.with_suffix(".1"))
    log.reopen()
    write(log)
    assert path.read_text() == "GET\n"
    log.close()


# The time


def test_the_time_is_that_of_the_request_and_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Etc/GMT-2")
    time.tzset()
    try:
        monkeypatch.setattr(accesslog.time, "time", lambda: 1_000_000_001.4)
        monkeypatch.setattr(accesslog, "_PLAIN", {"t": accesslog._Clock()})
        assert format_entry("%t") == "[09/Sep/2001:03:46:39 +0200]"  # 1.5 s before
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_time_is_made_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    made: list[float] = []
    localtime = time.localtime
    monkeypatch.setattr(accesslog.time, "time", lambda: now[0])
    monkeypatch.setattr(accesslog.time, "localtime", lambda second: made.append(second) or localtime(second))
    clock = accesslog._Clock()
    entry = Entry({}, "", [], 0, 0.0, False)
    for now[0] in (1000.0, 1000.4, 1000.999, 1001.0, 1001.5):
        clock(entry)
    assert made == [1000, 1001]
