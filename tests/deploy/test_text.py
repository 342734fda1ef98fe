"""What the first lines of a file say."""

from __future__ import annotations

import pytest

from gateways.deploy.description import Deployment
from gateways.deploy.text import comment, heading, indented, joined, serving

SOCKET = "unix:/run/gateways/app.sock"


def test_the_heading_has_the_command() -> None:
    deployment = Deployment("nginx", addresses=(SOCKET,), mount="/a b")
    lines = heading(deployment, ["Title."], ["Copy it, then", "  reload"])
    assert lines[:4] == ["Title.", "", "Written by", f"  gateways conf nginx --fastcgi {SOCKET} --mount '/a b'"]
    assert lines[4:6] == ["Copy it, then", "  reload"]


@pytest.mark.parametrize(
    ("deployment", "lines"),
    [
        (Deployment("lighttpd", transport="cgi"), []),
        (
            Deployment("caddy", addresses=(SOCKET,)),
            [
                "The application is served by",
                '  [ -d /run/gateways ] || sudo install -d -o "$USER" -g caddy -m 2755 /run/gateways',
                f"  gateways serve app:application --fastcgi {SOCKET} --socket-group caddy",
            ],
        ),
        (
            Deployment("nginx", transport="http", addresses=(SOCKET,), mount="/app"),
            [
                "The application is served by",
                '  [ -d /run/gateways ] || sudo install -d -o "$USER" -g www-data -m 2755 /run/gateways',
                f"  gateways serve app:application --http {SOCKET} --socket-group www-data --script-name /app"
                " --forwarded-allow-ips unix",
            ],
        ),
        (
            Deployment("nginx", transport="http", addresses=("10.0.0.1:8000",)),
            [
                "On that machine the application is served by (10.0.0.10 is the machine of nginx)",
                "  gateways serve app:application --http 10.0.0.1:8000 --forwarded-allow-ips 10.0.0.10"
                " --allowed-clients 10.0.0.10",
            ],
        ),
        (
            Deployment("nginx", transport="http", addresses=("[::1]:8000",)),
            [
                "The application is served by",
                "  gateways serve app:application --http [::1]:8000 --forwarded-allow-ips ::1",
            ],
        ),
        (
            Deployment("nginx", transport="scgi", addresses=("10.0.0.1:4000", "10.0.0.2:4000"), ping="/ping"),
            [
                "On each machine the application is served by (10.0.0.10 is the machine of nginx)",
                "  gateways serve app:application --scgi 10.0.0.1:4000 --workers 4 --allowed-clients 10.0.0.10"
                " --ping /ping",
            ],
        ),
    ],
)
def test_what_has_to_run(deployment: Deployment, lines: list[str]) -> None:
    assert serving(deployment)[: len(lines)] == lines


@pytest.mark.parametrize("directory", ["/var/lib", "/home/user", "/run/php"])
def test_a_directory_that_is_there_is_left_as_it_is(directory: str) -> None:
    lines = serving(Deployment("nginx", addresses=(f"unix:{directory}/app.sock",)))
    assert [line for line in lines if "install" in line] == [
        f'  [ -d {directory} ] || sudo install -d -o "$USER" -g www-data -m 2755 {directory}'
    ]


def test_the_words_of_a_file() -> None:
    assert joined([*comment(["a", ""]), *indented(["b", ""])]) == "# a\n#\n    b\n\n"
