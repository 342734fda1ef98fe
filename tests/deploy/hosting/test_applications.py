"""How an application is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateways.deploy.hosting.applications import (
    Found,
    broken_application,
    find_applications,
    is_for_scripts,
    read_application,
)

PLAIN = "def application(environ, start_response):\n    return []\n"


def write(directory: Path, name: str, text: str = PLAIN) -> str:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("name", "text", "spec", "interface"),
    [
        ("app.py", PLAIN, "app:application", "wsgi"),
        ("app.py", "from flask import Flask\napp = Flask(__name__)\n", "app:app", "wsgi"),
        ("wsgi.py", "from shop import app as application\n", "wsgi:application", "wsgi"),
        ("passenger_wsgi.py", "application: object = make()\n", "passenger_wsgi:application", "wsgi"),
        ("main.py", "def create_app():\n    return 1\n", "main:create_app()", "wsgi"),
        ("main.py", "from fastapi import FastAPI\napp = FastAPI()\n", "main:app", "asgi"),
        ("asgi.py", "async def application(scope, receive, send): ...\n", "asgi:application", "asgi"),
        ("app.py", "class app: ...\n", "app:app", "wsgi"),
        ("app.py", "try:\n    import a\nexcept ImportError:\n    app = 1\n", "app:app", "wsgi"),
        ("app.py", "if True:\n    pass\nelse:\n    with x:\n        app = 1\n", "app:app", "wsgi"),
        ("app.py", "def create_app(): ...\nif __name__ == '__main__':\n    app = 1\n", "app:create_app()", "wsgi"),
        ("shop/__init__.py", "def create_app():\n    return 1\n", "shop:create_app()", "wsgi"),
    ],
)
def test_one_file(tmp_path: Path, name: str, text: str, spec: str, interface: str) -> None:
    path = write(tmp_path, name, text)
    assert find_applications(str(tmp_path)) == [Found(spec, str(tmp_path), path, interface)]


@pytest.mark.parametrize("text", ["", "x = 1\n", "def (\n", "import app\n", "\0"])
def test_no_application(tmp_path: Path, text: str) -> None:
    write(tmp_path, "app.py", text)
    assert find_applications(str(tmp_path)) == []


@pytest.mark.parametrize("project", ["", "shop", "my-site"])
def test_django(tmp_path: Path, project: str) -> None:
    base = tmp_path / project
    write(base, "manage.py", "")
    path = write(base, "shop/wsgi.py", "application = get_wsgi_application()\n")
    write(base, "other/urls.py", "")
    assert find_applications(str(tmp_path)) == [Found("shop.wsgi:application", str(base), path)]


def test_beside_the_directory_of_the_site(tmp_path: Path) -> None:
    path = write(tmp_path, "app.py")
    (tmp_path / "public_html").mkdir()
    (tmp_path / "other").mkdir()
    assert find_applications(str(tmp_path / "public_html")) == [Found("app:application", str(tmp_path), path)]
    assert find_applications(str(tmp_path / "other")) == []


def test_the_likeliest_comes_first(tmp_path: Path) -> None:
    write(tmp_path, "main.py")
    write(tmp_path, "app.py")
    assert [found.spec for found in find_applications(str(tmp_path))] == ["app:application", "main:application"]


def test_one_that_was_named(tmp_path: Path) -> None:
    site = tmp_path / "public_html"
    site.mkdir()
    path = write(tmp_path, "shop/__init__.py", "app = FastAPI()\n")
    assert read_application("shop:app", str(site)) == Found("shop:app", str(tmp_path), path, "asgi")
    assert read_application("shop:other", str(site)).interface == "wsgi"
    assert read_application("nowhere:app", str(site)) == Found("nowhere:app", str(site), "")


def test_one_that_is_no_python(tmp_path: Path) -> None:
    site = tmp_path / "public_html"
    write(site, "main.py", "x = 1\n")
    assert broken_application(str(site)) == ""
    path = write(tmp_path, "wsgi.py", "x = 1\ny = = 2\n")
    assert broken_application(str(site)).startswith(f"{path}:2: ")


@pytest.mark.parametrize("name", ["cgi-bin", "fcgi-bin", "fastcgi-bin", "CGI-BIN", "cgibin", "cgi-local", "cgi-sys"])
def test_directories_for_scripts(name: str) -> None:
    assert is_for_scripts(f"/srv/{name}")
    assert is_for_scripts(f"/srv/{name}/")


@pytest.mark.parametrize("name", ["public_html", "cgi", "mycgi", "cgit", "old-cgi-bin"])
def test_other_directories(name: str) -> None:
    assert not is_for_scripts(f"/srv/cgi-bin/{name}")
