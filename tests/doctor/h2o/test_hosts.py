"""What a whole configuration of h2o has to have."""

from __future__ import annotations

import pytest

from gateways.doctor.targets import Options, examine
from tests.doctor.asked import ONLY_READ, codes

PATHS = "paths: { /: { fastcgi.connect: 9000 } }"


def of(tmp_path, text):
    return {code: line for code, line in codes(tmp_path / "a.conf", text).items() if code != "configuration-read"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"listen: 80\nhosts:\n  x:\n    {PATHS}\n", {}),
        (f"hosts:\n  x:\n    listen: 80\n    {PATHS}\n", {}),
        (f"hosts:\n  x:\n    {PATHS}\n", {"config-syntax": 2}),
        ("listen: 80\nhosts:\n  x:\n    access-log: y\n", {"config-syntax": 3}),
        ("listen: 80\nhosts:\n  x:\n    paths: {}\n", {}),
        ("listen: 80\nhosts:\n  x:\n    paths:\n", {"config-syntax": 4}),
        ("listen: 80\nhosts:\n  x:\n    paths:\n      /:\n", {"config-syntax": 5}),
        ('listen: 80\nhosts:\n  x:\n    paths:\n      /:\n        file.dir:"/srv"\n', {"config-syntax": 5}),
        ("listen: 80\nhosts:\n", {"config-syntax": 2}),
        ("listen: 80\nhosts: {}\n", {"config-syntax": 2}),
        (f"listen:\n  port:80\nhosts:\n  x:\n    {PATHS}\n", {"config-syntax": 2}),
        (f"hosts:\n  x:\n    listen:\n      port:80\n    {PATHS}\n", {"config-syntax": 4}),
        (f"listen: [80, 443]\nhosts:\n  x:\n    {PATHS}\n", {}),
        ("listen: 80\nhosts:\n  x: !file y\n", {"config-include": 3}),
        ("listen: 80\nhosts:\n  x:\n    paths: !file y\n", {"config-include": 4}),
    ],
)
def test_what_is_missing(tmp_path, text, found):
    if "paths:\n" in text and found.get("config-syntax") == 2:
        found = {"config-syntax": 2}
    assert of(tmp_path, text) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [("1048576", {}), ("2000", {"body-limit": 1}), ("100M", {"body-limit": 1}), ("x", {}), ("0", {"body-limit": 1})],
)
def test_the_limit_of_uploads(tmp_path, value, found):
    assert of(tmp_path, f"limit-request-body: {value}\nlisten: 80\nhosts:\n  x:\n    {PATHS}\n") == found


@pytest.mark.parametrize(
    ("listen", "key", "found"),
    [
        ("80", "y", False),
        ("8080", "y", True),
        ("8080", '"y:8080"', False),
        ("8080", '"y:8081"', True),
        ("[8080, { port: 443 }]", "y", False),
        ("{ port: 8080 }", "y", True),
        ("{ port: /run/h2o.sock, type: unix }", "y", False),
        ("8080", '"*.y"', False),
    ],
)
def test_hosts_and_ports(tmp_path, listen, key, found):
    text = f"listen: {listen}\nhosts:\n  x:\n    {PATHS}\n  {key}:\n    {PATHS}\n"
    assert of(tmp_path, text) == ({"host-port": 5} if found else {})
    assert of(tmp_path, text.replace(f"  {key}:\n", f"  {key}:\n    listen: 8080\n")) == {}


def test_the_user(tmp_path):
    path = tmp_path / "a.conf"
    path.write_text("user: nobody-of-that-name\nlisten: 80\nhosts:\n  x:\n    paths: { /: { redirect: /a } }\n")
    assert [one.code for one in examine(str(path), Options(user="root"))] == ["config-syntax"]
    assert [one.code for one in examine(str(path), ONLY_READ)] == ["configuration-read"]


def test_a_part_is_not_blamed_for_the_rest(tmp_path):
    (tmp_path / "h2o.conf").write_text("listen: port:80\nhosts:\n  x:\n    paths: !file p.conf\n  y: {}\n")
    assert codes(tmp_path / "p.conf", "/:\n  fastcgi.connect: 9000\n") == {"configuration-read": 0}
