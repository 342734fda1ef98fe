"""What does not arrive at the probe. Behind real web servers: tests/live/test_doctor_url.py."""

from __future__ import annotations

import json

import pytest

from gateways.doctor.live import roundtrips
from gateways.doctor.live.anything import UPLOAD
from gateways.doctor.live.exchange import Site
from gateways.doctor.live.roundtrips import examine
from gateways.doctor.probe import HEADER, application
from tests.support.serving import PATIENCE, serving

FINE = {"probe-right", "body-unmeasured"}
"""By HTTP without a web server an upload without a length has none."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """A stream that comes piece by piece is one of any length."""
    monkeypatch.setattr(roundtrips, "_PAUSES", (0.0,))


def found(app, path="/", **settings):
    with serving(app, "http", tcp=True, **settings) as served:
        url = f"http://127.0.0.1:{served.address[1]}{path}"
        return {finding.code: finding for finding in examine(Site(url, PATIENCE), {HEADER: "echo"})}


def test_all_arrives():
    assert set(found(application)) == FINE


def test_a_mount_point():
    assert set(found(application, "/a%20pp", script_name="/a pp")) == FINE
    assert set(found(application, "/app")) == {"probe-mount", "body-unmeasured"}


def changing(**changes):
    """The probe, with some of the environ changed on its way."""

    def app(environ, start_response):
        for name, change in changes.items():
            value = change(environ.get(name, ""))
            environ.pop(name, None) if value is None else environ.update({name: value})
        return application(environ, start_response)

    return app


def lost(value):
    return None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"PATH_INFO": lambda path: path.replace("%", "%25")}, "probe-path"),
        ({"PATH_INFO": lambda path: path.replace("//", "/")}, "probe-slashes"),
        ({"PATH_INFO": lambda path: path.replace("\xff", "?")}, "path-not-utf8"),
        ({"PATH_INFO": lambda path: "/"}, "probe-path"),
        ({"QUERY_STRING": lambda query: query.replace("%", "")}, "probe-query"),
        ({"HTTP_AUTHORIZATION": lost}, "authorization-lost"),
        ({"HTTP_COOKIE": lambda cookie: cookie.split(";")[0] if len(cookie) < 100 else cookie}, "probe-header"),
        ({"HTTP_PROXY": lambda proxy: "http://x"}, "httpoxy-header"),
        ({"REMOTE_ADDR": lambda address: ""}, "remote-address"),
        ({"HTTP_HOST": lambda host: "backend"}, "host-lost"),
        ({"wsgi.url_scheme": lambda scheme: "https"}, "https-unseen"),
        ({"REQUEST_METHOD": lambda method: "GET" if method == "PUT" else method}, "probe-method"),
    ],
)
def test_what_arrives_changed(changes, code):
    assert code in found(changing(**changes))


def refusing(condition, status="500 Internal Server Error"):
    """Answers with an error where the condition holds."""

    def app(environ, start_response):
        if condition(environ):
            start_response(status, [("Content-Type", "text/plain")])
            return [b"no"]
        return application(environ, start_response)

    return app


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (lambda environ: environ["REQUEST_URI"].endswith("%2Fb"), "encoded-slash"),
        (lambda environ: environ["REQUEST_METHOD"] == "DELETE", "probe-method"),
        (lambda environ: environ.get("CONTENT_LENGTH") == str(UPLOAD), "body-limit"),
        (
            lambda environ: environ["REQUEST_METHOD"] == "POST" and not environ.get("CONTENT_LENGTH"),
            "body-unmeasured",
        ),
        (lambda environ: len(environ.get("HTTP_COOKIE", "")) > 5000, "request-headers"),
        (lambda environ: environ.get("HTTP_GATEWAYS_PROBE", "").startswith("head"), "response-header"),
        (lambda environ: "HTTP_X_DOCTOR" in environ, "probe-header"),
    ],
)
def test_what_is_refused(condition, code):
    assert code in found(refusing(condition))


def test_post_is_forbidden():
    found_ = found(refusing(lambda environ: environ["REQUEST_METHOD"] == "POST", "403 Forbidden"))
    assert set(found_) == {"probe-method"}
    assert "POST is answered 403" in found_["probe-method"].what


def test_all_methods_arrive_as_one():
    finding = found(changing(REQUEST_METHOD=lambda method: "GET"))["probe-method"]
    assert "arrives as GET" in finding.what
    assert finding.severity == "error"


def test_uploads_that_arrive_otherwise():
    def app(environ, start_response):
        def answer(status, headers, exc_info=None):
            return start_response(status, [one for one in headers if one[0] not in ("Content-Length", "Set-Cookie")])

        told = json.loads(b"".join(application(environ, answer)))
        if environ.get("CONTENT_LENGTH") == str(UPLOAD):
            told["sha256"] = "0"
        elif environ["REQUEST_METHOD"] == "POST":
            told["length"] = 0
        return [json.dumps(told).encode()]

    codes = found(app)
    assert codes.keys() >= {"probe-body", "body-unmeasured", "probe-cookies"}
    assert codes["body-unmeasured"].severity == "warning"


def test_a_stream_that_comes_at_once(monkeypatch):
    monkeypatch.setattr(roundtrips, "_PAUSES", (60.0,))
    whole = refusing(lambda environ: environ.get("HTTP_GATEWAYS_PROBE", "").startswith("stream"), "200 OK")
    assert set(found(whole)) == {"stream-buffered", *FINE}


def test_a_site_that_goes_in_the_midst_of_it():
    class Gone(Site):
        def ask(self, *args, **kwargs):
            raise ConnectionResetError("reset")

    codes = [finding.code for finding in examine(Gone("http://x/", 1.0), {})]
    assert codes.count("probe-failed") >= 3
