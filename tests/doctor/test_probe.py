"""The application that says what has arrived."""

from __future__ import annotations

import hashlib
import io
import json

import pytest

from gateways.doctor.probe import HEADER, TOLD, Probe, application


def ask(app, body=b"", **variables):
    started = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/x", "wsgi.input": io.BytesIO(body), "SECRET": "s", **variables}
    blocks = app(environ, lambda status, headers: started.append((status, dict(headers))))
    return b"".join(blocks), started[0][1]


def test_what_it_tells():
    body, headers = ask(application, b"x" * 100_000, HTTP_COOKIE="a=b", HTTP_X_OTHER="no")
    told = json.loads(body)
    assert told["environ"] == {"REQUEST_METHOD": "POST", "PATH_INFO": "/x", "HTTP_COOKIE": "a=b"}
    assert told["length"] == 100_000
    assert told["sha256"] == hashlib.sha256(b"x" * 100_000).hexdigest()
    assert headers[HEADER] == "1"


def test_nothing_of_the_server_is_told():
    assert not {"DOCUMENT_ROOT", "SCRIPT_FILENAME", "PATH_TRANSLATED", "wsgi.errors", "HTTP_X_FORWARDED_FOR"} & set(
        TOLD
    )


def test_it_streams():
    body, headers = ask(application, HTTP_GATEWAYS_PROBE="stream 0")
    assert body == b"data: first\n\ndata: last\n\n"
    assert headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize("text", ["head 5000", "head 99999999", "head x", "head", "", "nonsense"])
def test_it_answers_whatever_is_asked(text):
    body, headers = ask(application, HTTP_GATEWAYS_PROBE=text)
    assert json.loads(body)["length"] == 0
    assert len(headers.get("X-Padding", "")) == {"head 5000": 5000, "head 99999999": 32768}.get(text, 0)


def test_in_front_of_an_application_it_needs_its_secret():
    def own(environ, start_response):
        start_response("200 OK", [])
        return [b"own"]

    probe = Probe(own, "secret")
    assert ask(probe)[0] == b"own"
    assert ask(probe, HTTP_GATEWAYS_PROBE_SECRET="sesame", HTTP_GATEWAYS_PROBE="echo")[0] == b"own"
    assert ask(probe, HTTP_GATEWAYS_PROBE_SECRET="secret")[0].startswith(b"{")
    with pytest.raises(ValueError, match="needs a secret"):
        Probe(own)
