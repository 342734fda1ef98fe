"""The authorizer of the live tests: who may pass is in the query, who it is in the password."""

from __future__ import annotations

from typing import Any

from gateways import authorizer
from gateways.roles import Verdict, credentials

CHALLENGE: Verdict = ("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="Example"')], b"who are you?\n")


@authorizer
def application(environ: dict[str, Any]) -> Verdict:
    asked = environ["REQUEST_URI"].partition("?")[2]
    if asked == "forbidden" or (environ["SCRIPT_NAME"] + environ["PATH_INFO"]).endswith("/closed"):
        return False
    if asked == "elsewhere":
        return "302 Found", [("Location", "http://elsewhere.example/login")]
    if asked == "error":
        raise RuntimeError("the authorizer fails")
    if environ.get("FCGI_APACHE_ROLE") == "AUTHORIZER":  # Apache has asked the authenticator who it is
        return bool(environ["REMOTE_USER"] == "alice")
    known = credentials(environ)
    if known not in (("alice", "secret"), ("bob", "secret")):
        return CHALLENGE
    return {"REMOTE_USER": known[0], "AUTH_SEEN": environ.get("FCGI_ROLE", ""), "AUTH_PATH": environ["REQUEST_URI"]}
