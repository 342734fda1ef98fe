"""The addresses that nginx hands requests to, without a look at them; those that are looked at: tests/live."""

from __future__ import annotations

import pytest

from tests.doctor.asked import codes, findings


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("fastcgi_pass /run/app.sock;", "fastcgi_pass unix:/run/app.sock;"),
        ("scgi_pass http://127.0.0.1:4000/;", "scgi_pass 127.0.0.1:4000;"),
        ("proxy_pass 127.0.0.1:8000;", "proxy_pass http://127.0.0.1:8000;"),
    ],
)
def test_addresses_that_nginx_reads_otherwise(tmp_path, line, remedy):
    [finding] = [one for one in findings(tmp_path / "a", f"location / {{\n{line}\n}}") if one.code == "pass-address"]
    assert finding.remedy == remedy
    assert finding.where.endswith("a:2")


@pytest.mark.parametrize(
    "line",
    [
        "fastcgi_pass unix:/run/app.sock;",
        "fastcgi_pass localhost:9000;",
        "fastcgi_pass [::1]:9000;",
        "proxy_pass http://app;",
        "proxy_pass https://app;",
        "proxy_pass $backend;",
        "fastcgi_pass $backend;",
    ],
)
def test_addresses_that_are_right(tmp_path, line):
    assert "pass-address" not in codes(tmp_path / "a", f"location / {{ {line} }}")


def test_the_members_of_an_upstream(tmp_path):
    text = "upstream app {\n server unix:/run/app;\n server no-port-and_wrong:x;\n server $x; server a:1 down;\n}\n"
    found = codes(tmp_path / "a", f"{text}location / {{ fastcgi_pass app; }}")
    assert found["pass-address"] == 3
