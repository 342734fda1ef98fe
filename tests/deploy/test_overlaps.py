"""Files and application that would take from each other."""

from __future__ import annotations

import pytest

from gateways.deploy.description import Deployment
from gateways.deploy.overlaps import check_directories, check_urls
from gateways.errors import ConfigError


@pytest.mark.parametrize("flag", ["static", "private"])
def test_the_application_keeps_its_url(flag: str) -> None:
    pairs: dict[str, list[tuple[str, str]]] = {"static": [], "private": [], flag: [("/app", "/srv/x")]}
    with pytest.raises(ConfigError, match="is mounted there"):
        check_urls("/app", **pairs)


def test_files_beside_and_below_the_application() -> None:
    check_urls("/a/app", [("/a", "/srv/x")], [])
    check_urls("/app", [("/apple", "/srv/x"), ("/app/static", "/srv/x")], [("/ap", "/srv/x")])
    check_urls("", [("/a", "/srv/x")], [("/b", "/srv/x")])


def test_a_url_is_given_once() -> None:
    with pytest.raises(ConfigError, match="given twice"):
        check_urls("", [("/a", "/srv/x")], [("/a", "/srv/y")])


@pytest.mark.parametrize("directory", ["/srv/example", "/srv"])
def test_the_program_is_not_shown(directory: str) -> None:
    with pytest.raises(ConfigError, match="the application itself is in it"):
        check_directories("/srv/example", [("/static", directory)], [])


@pytest.mark.parametrize("directory", ["/srv/example/cgi-bin", "/srv/example/venv", "/home/user/scripts", "/opt/py"])
def test_scripts_are_not_shown(directory: str) -> None:
    with pytest.raises(ConfigError, match="a program is in /"):
        Deployment(
            "lighttpd",
            static=(("/static", directory),),
            script="/home/user/scripts/app.fcgi",
            python="/opt/py/bin/python",
        )


def test_files_in_a_venv() -> None:
    Deployment("nginx", static=(("/static", "/srv/example/venv/lib/python3/site-packages/admin/static"),))


@pytest.mark.parametrize("directory", ["/srv/example/public", "/srv/example/public/x", "/srv/s/x"])
def test_private_files_are_not_shown(directory: str) -> None:
    with pytest.raises(ConfigError, match="which everybody may read"):
        check_directories("/srv/example", [("/static", "/srv/s")], [("/p", directory)])


def test_directories_of_their_own() -> None:
    check_directories("/srv/example", [("/static", "/srv/example/static")], [("/p", "/srv/example/private")])
