"""FastCGI's authorizer role, as the web servers that have it use it, and nginx with auth_request."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

import pytest

from tests.live.deployments import Deployment
from tests.live.guards import GUARDS, guarded
from tests.live.sandbox import Sandbox
from tests.live.site import Site

pytestmark = pytest.mark.live

ALICE = ("alice", "secret")
BOB = ("bob", "secret")
CHALLENGE = 'Basic realm="Example"'


@pytest.fixture(scope="module", params=GUARDS, ids=lambda guard: guard.name)
def guard(request: pytest.FixtureRequest, machine: Sandbox) -> Iterator[Site]:
    """A web server with an authorizer."""
    deployment: Deployment = request.param
    with guarded(deployment, machine) as site:
        yield site


def test_who_is_unknown_is_challenged(guard: Site) -> None:
    for method, auth in (("GET", None), ("GET", ("alice", "guessed")), ("POST", None)):
        answer = guard.request(method, "/a", auth=auth, data=b"body" if method == "POST" else None)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == CHALLENGE


def test_who_is_known_reaches_the_application_with_the_variables(guard: Site) -> None:
    seen = guard.dump("GET", "/a?x=1", auth=ALICE)["environ"]
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"], seen["QUERY_STRING"]) == (guard.mount, "/a", "x=1")
    assert seen["REMOTE_USER"] == "alice"
    if guard.deployment.server != "nginx":  # whose configuration names each variable
        assert seen["AUTH_PATH"] == f"{guard.mount}/a?x=1"
        assert seen["AUTH_SEEN"] == "AUTHORIZER"
    assert seen.get("FCGI_ROLE") == "RESPONDER"
    assert "FCGI_APACHE_ROLE" not in seen


def test_the_body_is_for_the_application(guard: Site) -> None:
    assert guard.dump("POST", "/a", auth=ALICE, data=b"hello")["body"]["length"] == 5
    assert guard.dump("PUT", "/a", auth=ALICE, data=bytes(100_000))["body"]["length"] == 100_000
    answer = guard.request("HEAD", "/a", auth=ALICE)
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_client_cannot_set_what_the_authorizer_sets(guard: Site) -> None:
    headers = {"Variable-REMOTE_USER": "root", "REMOTE_USER": "root", "REMOTE_PASSWD": "secret"}
    assert guard.get("/a", headers=headers).status_code == 401
    assert guard.dump("GET", "/a", headers=headers, auth=ALICE)["environ"]["REMOTE_USER"] == "alice"


def test_variables_are_not_shown_to_the_client(guard: Site) -> None:
    answer = guard.get("/a", auth=ALICE)
    assert "Variable-REMOTE_USER" not in answer.headers


def test_a_refusal_with_403(guard: Site) -> None:
    answer = guard.get("/a?forbidden", auth=ALICE)
    # mod_fcgid makes every refusal a 401.
    assert answer.status_code == (401 if guard.deployment.name == "apache-fcgid-authorizer" else 403)


@pytest.mark.parametrize("path", ["/closed", "/%63losed", "/a/../closed", "/closed?x=1"])
def test_a_path_is_compared_decoded(guard: Site, path: str) -> None:
    refused = 401 if guard.deployment.name == "apache-fcgid-authorizer" else 403
    credentials = b64encode(b"alice:secret").decode()
    status, _ = guard.raw("GET", f"{guard.mount}{path}", {"Authorization": f"Basic {credentials}"})
    assert status == refused


def test_a_redirect(guard: Site) -> None:
    answer = guard.get("/a?elsewhere", auth=ALICE)
    if guard.deployment.name in ("lighttpd-authorizer", "apache-authnz-fcgi"):
        assert (answer.status_code, answer.headers["Location"]) == (302, "http://elsewhere.example/login")
    else:  # a refusal, too
        assert answer.status_code == (500 if guard.deployment.family == "nginx" else 401)


def test_an_authorizer_that_fails_lets_nobody_pass(guard: Site) -> None:
    answer = guard.get("/a?error", auth=ALICE)
    assert answer.status_code == (401 if guard.deployment.name == "apache-fcgid-authorizer" else 500)


def test_what_is_not_guarded_is_for_everybody(guard: Site) -> None:
    answer = guard.session.get(f"http://{guard.host}/static/style.css", timeout=45)
    assert (answer.status_code, answer.text) == (200, "body { color: black }\n")


def test_apache_asks_for_the_password_itself(guard: Site) -> None:
    if guard.deployment.family != "apache":
        return  # the others have no phases
    for auth in (None, ("alice", "guessed")):
        answer = guard.get("/members/a", auth=auth)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, CHALLENGE)
    seen = guard.dump("GET", "/members/a", auth=ALICE)["environ"]
    assert (seen["REMOTE_USER"], seen["AUTH_TYPE"], seen["AUTH_SEEN"]) == ("alice", "Basic", "AUTHORIZER")
    # mod_authnz_fcgi's combined type has no phase that only authorizes.
    known = 401 if guard.deployment.name == "apache-fcgid-authorizer" else 200
    assert guard.get("/members/a", auth=BOB).status_code == known
