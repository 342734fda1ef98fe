"""Addresses of backends, as h2o reads them."""

from __future__ import annotations

import pytest

from gateways.addresses import parse_address
from gateways.doctor.h2o.addresses import line
from gateways.doctor.targets import Options, examine
from tests.doctor.asked import findings

UNIX = "fastcgi.connect: { port: /run/a, type: unix }"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (UNIX, None),
        ("fastcgi.connect: 9000", None),
        ('fastcgi.connect: { host: "::1", port: 9000, type: tcp }', None),
        ("fastcgi.connect: { port: /run/a }", UNIX),
        ("fastcgi.connect: /run/a", UNIX),
        ("fastcgi.connect: unix:/run/a", UNIX),
        ("fastcgi.connect: 127.0.0.1:9000", 'fastcgi.connect: { host: "127.0.0.1", port: 9000 }'),
        ("fastcgi.connect: { port: x }", "fastcgi.connect: { port: 9000 }"),
        ("fastcgi.connect: { port: 9000, type: unix }", "leave type: unix out"),
        (
            "fastcgi.connect: { port: run/a, type: unix }",
            "fastcgi.connect: { port: /run/gateways/app.sock, type: unix }",
        ),
        ("fastcgi.connect: { port: 9000, type: udp }", "type: unix, or type: tcp"),
        ("fastcgi.connect: { host: x }", "fastcgi.connect: { port: /run/gateways/app.sock, type: unix }"),
        ("fastcgi.connect: [1]", "fastcgi.connect: { port: /run/gateways/app.sock, type: unix }"),
        ("fastcgi.connect: { port: 99999 }", "write an address that can be connected to"),
        ("fastcgi.connect: { port: !env PORT }", None),
    ],
)
def test_fastcgi(tmp_path, text, remedy):
    found = findings(tmp_path / "a.conf", f"{text}\n")
    assert [one.remedy for one in found if one.code == "pass-address"] == ([] if remedy is None else [remedy])


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://127.0.0.1:8000/", None),
        ("http://[::1]:8000", None),
        ("http://example.org/a/b", None),
        ('"http://[unix:/run/a]/"', None),
        ("https://127.0.0.1", None),
        ("[http://a, { url: http://b }]", None),
        ("{ backends: [http://a], balancer: least-conn }", None),
        ("127.0.0.1:8000", 'proxy.reverse.url: "http://127.0.0.1:8000/"'),
        ("http://unix:/run/a", 'proxy.reverse.url: "http://[unix:/run/a]/"'),
        ("http://unix:/run/a:/x", 'proxy.reverse.url: "http://[unix:/run/a]/"'),
        ("unix:/run/a", 'proxy.reverse.url: "http://[unix:/run/a]/"'),
        ("/run/a", 'proxy.reverse.url: "http://[unix:/run/a]/"'),
        ("fcgi://127.0.0.1:9000", "fastcgi.connect: { port: 9000 }"),
        ("", 'proxy.reverse.url: "http://127.0.0.1:8000/"'),
        ("http://a:99999/", "write an address that can be connected to"),
    ],
)
def test_urls(tmp_path, url, remedy):
    found = findings(tmp_path / "a.conf", f"proxy.reverse.url: {url}\n")
    assert [one.remedy for one in found if one.code == "pass-address"] == ([] if remedy is None else [remedy])


@pytest.mark.parametrize(
    ("address", "protocol", "written"),
    [
        ("unix:/run/a", "fastcgi", UNIX),
        ("127.0.0.1:90", "fastcgi", 'fastcgi.connect: { host: "127.0.0.1", port: 90 }'),
        ("unix:/run/a", "http", 'proxy.reverse.url: "http://[unix:/run/a]/"'),
        ("[::1]:90", "http", 'proxy.reverse.url: "http://[::1]:90/"'),
        ("unix:/run/a", "scgi", ""),
    ],
)
def test_what_to_write(address, protocol, written):
    assert line(parse_address(address), protocol) == written


def test_the_program_that_is_started(tmp_path):
    program, path = tmp_path / "a.fcgi", tmp_path / "a.conf"
    for text in (f'"A=1 exec {program} -x"', f"{{ command: {program}, user: root }}"):
        path.write_text(f"fastcgi.spawn: {text}\n")
        for remedy in ("correct the path", f"chmod 755 {program}"):
            [finding] = examine(str(path), Options(user="root"))
            assert (finding.code, finding.remedy) == ("script-absent", remedy)
            program.touch()
            program.chmod(0o644)
        program.chmod(0o755)
        assert [finding.code for finding in examine(str(path), Options(user="root"))] == ["configuration-read"]
        program.unlink()


def test_a_program_that_cannot_be_told(tmp_path):
    path = tmp_path / "a.conf"
    for text in ('"\'"', "exec php-cgi", '"A=1"', "{ user: root }"):
        path.write_text(f"fastcgi.spawn: {text}\n")
        assert [finding.code for finding in examine(str(path), Options(user="root"))] == ["configuration-read"]
    path.write_text("fastcgi.spawn: { command: /bin/sh, user: nobody-of-that-name }\n")
    assert [finding.code for finding in examine(str(path), Options(user="root"))] == ["config-syntax"]
