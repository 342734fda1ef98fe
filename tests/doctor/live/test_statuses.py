"""What an answer means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateways.doctor.live import statuses
from gateways.doctor.live.exchange import Answer
from gateways.doctor.live.statuses import judge, speaker

NGINX = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<hr><center>nginx/1.22.1</center>\r\n</body></html>"
APACHE = (
    b'<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>503 Service Unavailable</title>\n</head>'
)
LIGHTTPD = (
    b'<?xml version="1.0" encoding="iso-8859-1"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0"\n'
    b' "http://www.w3.org/x.dtd">\n<html>\n <head>\n  <title>500 Internal Server Error</title>'
)
HAPROXY = (
    b"<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
)


def answer(status, body=b"", whole=True, **headers):
    return Answer(status, "Reason", tuple((name, value) for name, value in headers.items()), body, 0.1, whole)


@pytest.mark.parametrize(
    ("body", "server"),
    [
        (NGINX, "nginx"),
        (APACHE, "Apache"),
        (LIGHTTPD, "lighttpd"),
        (HAPROXY, "HAProxy"),
        (b"<h1>Oops</h1>", ""),
        (b"", ""),
    ],
)
def test_who_speaks(body, server):
    assert speaker(answer(503, body)) == server
    assert speaker(answer(200, body)) == ""


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (answer(200, b"hi", Server="x"), "url-answers", "by x"),
        (answer(404, b"hi"), "url-answers", "by the application"),
        (answer(302, Location="/login"), "url-redirects", "/login"),
        (answer(502, NGINX), "url-502", "nginx answers 502"),
        (answer(504, b"", Server="cloud"), "url-504", "cloud answers 504"),
        (answer(503, APACHE), "url-503", "Apache answers"),
        (answer(500, LIGHTTPD), "url-500", "lighttpd answers"),
        (answer(500, APACHE), "url-500", ".htaccess"),
        (answer(500, b"Traceback"), "url-500", "the application behind"),
        (answer(503, b"later"), "url-503", "the application behind"),
        (answer(404, NGINX), "url-404", "does not hand this path"),
        (answer(403, APACHE), "url-403", "+ExecCGI"),
        (answer(413, NGINX), "url-413", "larger than its limit"),
        (answer(405, NGINX), "url-4xx", "nginx answers 405"),
        (answer(200, b"half", whole=False), "url-incomplete", "after 4 bytes"),
        (answer(200, b"#!/usr/bin/env python3\nimport os\n"), "url-source", "#!/usr/bin/env python3"),
        (answer(200, b"from gateways import run\nrun(x)\n"), "url-source", "from gateways import run"),
        (answer(200, b"from here to there\n"), "url-answers", "200"),
    ],
)
def test_meanings(given, code, words):
    [finding] = judge(given, "http://x/")
    assert finding.code == code
    assert words in finding.what
    assert finding.remedy or finding.severity == "ok"


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("https://x/app/", "url-redirect-loop"),
        ("https://X:443/app/", "url-redirect-loop"),
        ("/app/", "url-redirect-loop"),
        (".", "url-redirect-loop"),
        ("https://x/app", "url-redirects"),
        ("https://x/app/?a=1", "url-redirects"),
        ("http://x/app/", "url-redirects"),
        ("/login", "url-redirects"),
        ("http://[", "url-redirects"),
    ],
)
def test_a_page_that_leads_to_itself(location, code):
    [finding] = judge(answer(301, Location=location), "https://x/app", asked="https://x/app/")
    assert finding.code == code
    given = answer(302, **{"Location": location, "Set-Cookie": "a=b"})
    assert [finding.code for finding in judge(given, "https://x/app/")] == ["url-redirects"]


def test_an_answer_without_an_end():
    codes = [finding.code for finding in judge(replace(answer(200, b"x"), endless=True), "http://x/")]
    assert codes == ["url-answers", "url-endless"]


def test_the_log_of_a_server_on_this_machine(tmp_path, monkeypatch):
    log = tmp_path / "error.log"
    log.write_text("x" * 10_000 + "\nconnect() to unix:/run/app.sock failed (13: Permission denied)\n\n")
    monkeypatch.setattr(statuses, "LOGS", {"nginx": (str(tmp_path / "none"), str(log))})
    [finding] = judge(answer(502, NGINX), "http://x/", local=True)
    assert "(13: Permission denied)" in finding.what
    [finding] = judge(answer(502, NGINX), "http://x/")
    assert "Permission" not in finding.what
    log.unlink()
    [finding] = judge(answer(502, NGINX), "http://x/", local=True)
    assert "log says" not in finding.what
