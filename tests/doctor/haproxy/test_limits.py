"""Limits, timeouts, kept connections."""

from __future__ import annotations

import pytest

from tests.doctor.haproxy.written import FASTCGI, HTTP, changed, found

PAGES = "    default_backend app\n"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("timeout server 60", True),
        ("timeout server 9s", True),
        ("timeout server 10s", False),
        ("timeout server 0", False),
        ("timeout server soon", False),
        ("timeout connect 5", True),
        ("timeout connect 500ms", False),
        ("timeout client 30", True),
        ("timeout client 5s", False),
        ("timeout http-request 10", True),
        ("timeout queue 5", True),
    ],
)
def test_timeouts(tmp_path, line, wrong):
    result = found(tmp_path, changed(HTTP, ("    mode http", f"    {line}\n    mode http")))
    assert result == ({"timeout-short": line} if wrong else {"configuration-read": ""})


def test_a_timeout_that_another_replaces(tmp_path):
    text = changed(FASTCGI, ("server 60s", "server 60"), ("    use-fcgi", "    timeout server 60s\n    use-fcgi"))
    assert set(found(tmp_path, text)) == {"configuration-read"}


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("http-request deny deny_status 413 if { req.body_size gt 1000 }", True),
        ("http-request reject if { req.hdr(content-length) -m int gt 1000 }", True),
        ("acl large req.hdr_val(content-length) gt 1000\n    http-request deny if large", True),
        ("http-request deny if { req.body_size gt 104857600 }", False),
        ("http-request deny if { req.body_size gt 1000 } { path /login }", False),
        ("http-request deny unless { req.body_size gt 1000 }", False),
        ("http-request set-var(txn.x) int(1) if { req.body_size gt 1000 }", False),
        ("http-request deny if { src_conn_rate gt 10 }", False),
    ],
)
def test_uploads(tmp_path, rule, wrong):
    result = found(tmp_path, changed(FASTCGI, (PAGES, f"    {rule}\n{PAGES}")))
    assert result == ({"body-limit": rule.rpartition("\n")[2].strip()} if wrong else {"configuration-read": ""})


def test_uploads_without_a_length(tmp_path):
    result = found(tmp_path, changed(FASTCGI, ("    tune.bufsize 65536\n", "")))
    assert result == {"body-unmeasured": "use-fcgi-app app"}
    assert "body-unmeasured" not in found(tmp_path, HTTP)


@pytest.mark.parametrize(
    ("options", "backend", "server", "code"),
    [
        ("option keep-conn", "", "", None),
        ("option keep-conn", "http-reuse always", "", None),
        ("option keep-conn", "http-reuse never", "", "keepalive-unused"),
        ("option keep-conn", "option httpclose", "", None),
        ("option keep-conn", "", "pool-max-conn 0", "keepalive-unused"),
        ("", "http-reuse never", "", None),
        ("no option keep-conn", "http-reuse never", "", None),
        ("option keep-conn", "", "pool-purge-delay 2m", "keepalive-longer"),
        ("", "", "pool-purge-delay 2m", "keepalive-longer"),
        ("", "", "pool-purge-delay 60s", None),
        ("no option keep-conn", "", "pool-purge-delay 2m", None),
    ],
)
def test_kept_connections(tmp_path, options, backend, server, code):
    text = changed(
        FASTCGI,
        ("    docroot", f"    {options}\n    docroot"),
        ("    use-fcgi", f"    {backend}\n    use-fcgi"),
        ("proto fcgi", f"proto fcgi {server}"),
    )
    assert set(found(tmp_path, text)) == {code or "configuration-read"}


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ("retry-on all-retryable-errors", True),
        ("retry-on conn-failure empty-response", True),
        ("retry-on conn-failure", False),
        ("retry-on none", False),
        ("retry-on conn-failure 503\n    http-request disable-l7-retry if METH_POST", False),
    ],
)
def test_requests_that_are_sent_twice(tmp_path, lines, wrong):
    result = found(tmp_path, changed(HTTP, ("    server", f"    {lines}\n    server")))
    assert result == ({"request-repeated": lines} if wrong else {"configuration-read": ""})
