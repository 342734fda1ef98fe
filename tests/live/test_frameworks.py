"""A real Flask application and a real Django application, unchanged, in every deployment."""

from __future__ import annotations

import hashlib

import pytest
import requests

from tests.live.site import Site
from tests.support import requirements

CONTENT = bytes(range(256)) * 400


@pytest.fixture(params=["flask", "django"])
def app(request: pytest.FixtureRequest) -> str:
    """The framework whose application answers."""
    name: str = request.param
    requirements.require_module(name)
    return name


def test_page_knows_its_own_url(site: Site, app: str) -> None:
    response = site.get("/", app=app)
    assert response.status_code == 200
    assert response.text == f"hello from {app.capitalize()} at {site.url('/')}"


def test_path_segment(site: Site, app: str) -> None:
    assert site.get("/name/caf%C3%A9%20%2B", app=app).text == "café +"


def test_form(site: Site, app: str) -> None:
    response = site.request("POST", "/form", app=app, data={"a": "1 & 2", "b": "世界"})
    assert response.json() == {"a": "1 & 2", "b": "世界"}


def test_upload(site: Site, app: str) -> None:
    response = site.request("POST", "/upload", app=app, files={"file": ("photo.jpg", CONTENT)})
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert response.json() == {"name": "photo.jpg", "length": len(CONTENT), "sha256": digest}


def test_stream(site: Site, app: str) -> None:
    assert site.get("/stream", app=app).text == "".join(f"line {number}\n" for number in range(5))


def test_file(site: Site, app: str) -> None:
    assert site.get("/file", app=app).content == b"0123456789" * 1000


def test_head(site: Site, app: str) -> None:
    response = site.request("HEAD", "/", app=app)
    assert (response.status_code, response.content) == (200, b"")


def test_redirect_leads_back(site: Site, app: str) -> None:
    response = site.get("/old", app=app)
    assert response.status_code == 302
    followed = requests.compat.urljoin(site.url("/old"), response.headers["Location"])
    assert followed == site.url("/")


def test_session_cookie_is_kept(site: Site, app: str) -> None:
    with requests.Session() as browser:
        browser.trust_env = False
        counts = [browser.get(site.url("/count"), headers={"X-Application": app}, timeout=20).text for _ in range(3)]
    assert counts == ["1", "2", "3"]


def test_not_found(site: Site, app: str) -> None:
    response = site.get("/nowhere", app=app)
    assert response.status_code == 404
    assert "Not Found" in response.text
