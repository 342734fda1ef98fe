"""What is wrong where h2o hands on. The faults of whole files are in tests/live/sitefaults_h2o.py."""

from __future__ import annotations

import pytest

from gateways.doctor.targets import Options, examine
from tests.doctor.asked import ONLY_READ, codes

FINE = "fastcgi.connect: { port: /run/a, type: unix }"
HTTP = "proxy.reverse.url: http://127.0.0.1:8000/"
HOST = "proxy.preserve-host: ON"
READ = {"configuration-read"}


def of(tmp_path, lines, path="/", host="listen: 80", top="user: root"):
    """What is found with these lines below a path. They begin in line 8."""
    below = "".join(f"        {line}\n" for line in lines)
    return codes(
        tmp_path / "a.conf",
        f'{top}\nhosts:\n  "example.org":\n    {host}\n    paths: {{}}\n    paths:\n      "{path}":\n{below}',
    )


@pytest.mark.parametrize(
    "lines", [[FINE], [HTTP, HOST], ["file.dir: /srv", FINE], ["fastcgi.spawn: x"], ["redirect: /a"]]
)
def test_all_is_well(tmp_path, lines):
    assert set(of(tmp_path, lines)) == READ


@pytest.mark.parametrize(
    ("lines", "code", "line"),
    [
        ([FINE, "file.dir: /srv"], "pass-order", 9),
        (["redirect: /a", FINE], "pass-order", 9),
        ([FINE, "fastcgi.timeout.io: 60"], "timeout-short", 9),
        ([FINE, "fastcgi.timeout.io: 60000"], None, 0),
        ([FINE, "fastcgi.timeout.io: x"], None, 0),
        ([FINE, "fastcgi.timeout.keepalive: 5000"], "keepalive-crash", 9),
        ([FINE, "fastcgi.timeout.keepalive: 0"], None, 0),
        ([FINE, "fastcgi.document_root: srv"], "config-syntax", 9),
        ([FINE, "fastcgi.document_root: ''"], None, 0),
        (["file.dir: srv"], "alias-absent", 8),
        (["listen: 80"], "config-syntax", 8),
        ([HTTP], "host-lost", 8),
        ([HTTP, "proxy.preserve-host: OFF"], "host-lost", 9),
        ([HTTP, HOST, "proxy.timeout.io: 30"], "timeout-short", 10),
        ([HTTP, HOST, "proxy.timeout.keepalive: 75000"], "keepalive-longer", 10),
        ([HTTP, HOST, "proxy.timeout.keepalive: 2000"], None, 0),
    ],
)
def test_below_a_path(tmp_path, lines, code, line):
    found = of(tmp_path, lines)
    assert found == ({code: line} if code else dict.fromkeys(READ, 0))


def test_mount_points(tmp_path):
    assert of(tmp_path, [FINE], "/app") == {"path-split": 8}
    assert of(tmp_path, [FINE], "/app/") == {"mount-narrow": 7, "path-split": 8}
    assert of(tmp_path, [FINE], "app") == {"path-unmatched": 7}
    for url, severity in (
        ("/", "warning"),
        ("", "warning"),
        ("/other", "warning"),
        ("/app", "note"),
        ("/app/", "note"),
    ):
        (tmp_path / "a.conf").write_text(f"/app:\n  {HOST}\n  proxy.reverse.url: http://127.0.0.1:8000{url}\n")
        [finding] = examine(str(tmp_path / "a.conf"), ONLY_READ)
        assert (finding.code, finding.severity) == ("path-split", severity)
        assert "--script-name /app" in finding.remedy
    assert set(of(tmp_path, ["file.dir: /srv"], "/static/")) == READ


def test_levels(tmp_path):
    assert of(tmp_path, [FINE], host=FINE, top="listen: 80") == {"config-syntax": 4}
    assert of(tmp_path, [FINE], top=f"{FINE}") == {"config-syntax": 1}


def test_what_is_said_further_out(tmp_path):
    assert of(tmp_path, [HTTP], top=HOST).keys() == READ
    assert of(tmp_path, [HTTP, HOST], top="proxy.emit-x-forwarded-headers: OFF") == {"https-unseen": 1}
    assert of(tmp_path, [FINE], top="fastcgi.timeout.io: 500") == {"timeout-short": 1}


def test_files_that_are_not_there(tmp_path):
    path = tmp_path / "a.conf"
    for name, code in (("", "configuration-read"), ("/no", "alias-absent"), ("/a.conf", "alias-absent")):
        path.write_text(f"file.dir: {tmp_path}{name}\n")
        assert [finding.code for finding in examine(str(path), Options(user="root"))] == [code]


def test_what_an_alias_stands_for_is_said_once(tmp_path):
    text = f"listen: 80\nhosts:\n  x:\n    paths: &p\n      /:\n        {HTTP}\n  y:\n    paths: *p\n"
    (tmp_path / "a.conf").write_text(text)
    assert [finding.code for finding in examine(str(tmp_path / "a.conf"), ONLY_READ)] == ["host-lost"]


def test_a_part(tmp_path):
    main, part = tmp_path / "h2o.conf", tmp_path / "paths.conf"
    main.write_text("listen: 80\nfastcgi.timeout.io: 5\nhosts:\n  x:\n    paths: !file paths.conf\n")
    assert codes(part, f"/:\n  {FINE}\n") == {"timeout-short": 2}
    main.write_text("listen: 80\nhosts: {}\n")
    assert codes(part, f"/:\n  {HTTP}\n") == {"config-disabled": 0, "host-lost": 2}


def test_a_path_that_depends_on_where_h2o_is_started(tmp_path):
    (tmp_path / "ssl.conf").write_text("port: 443\n")
    text = "listen: !file {}\nhosts:\n  x:\n    paths:\n      /: {{}}\n"
    assert codes(tmp_path / "a.conf", text.format("ssl.conf")) == {"config-include": 1}
    assert set(codes(tmp_path / "a.conf", text.format(tmp_path / "ssl.conf"))) == READ


def test_a_whole_one_beside_another(tmp_path):
    (tmp_path / "h2o.conf").write_text("hosts: [\n")
    assert (
        set(codes(tmp_path / "other.conf", f"listen: 80\nhosts:\n  x:\n    paths:\n      /:\n        {FINE}\n")) == READ
    )


def test_what_doctor_does_not_read(tmp_path):
    assert codes(tmp_path / "a.conf", "hosts:\n  ? x\n") == {"yaml-unread": 2}
    assert codes(tmp_path / "b.conf", f"listen: !env PORT\nhosts:\n  x:\n    paths:\n      /:\n        {FINE}\n") == {
        "yaml-unread": 1
    }
