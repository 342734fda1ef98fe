from __future__ import annotations

from gateways.compat.pages import error_page, error_parts


def test_the_reason_is_for_the_log_unless_somebody_asked():
    try:
        raise ValueError("secret")
    except ValueError:
        assert b"secret" not in error_page(False)
        page = error_page(True)
    assert page.startswith(b"Status: 500 Internal Server Error\r\n")
    assert b"ValueError: secret" in page.partition(b"\r\n\r\n")[2]


def test_the_parts():
    headers, body = error_parts(False)
    assert ("Cache-Control", "no-store") in headers
    assert body.startswith(b"500 Internal Server Error")
