"""Secrets do not reach the terminal; all else does."""

from __future__ import annotations

import time

import pytest

from gateways.trace.masking import mask_text, mask_value


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("HTTP_AUTHORIZATION", "Basic Zm9vOmJhcg==", "Basic ****"),
        ("Authorization", "Bearer a.b.c d", "Bearer ****"),
        ("Proxy-Authorization", "geheim", "****"),
        ("HTTP_COOKIE", "a=1; session=x=y; plain", "a=****; session=****;****"),
        ("Set-Cookie", "sid=abc; Path=/; HttpOnly", "sid=****; Path=/; HttpOnly"),
        ("HTTP_X_API_KEY", "k", "****"),
        ("X-CSRF-Token", "k", "****"),
        ("AJP_SECRET", "k", "****"),
        ("SSL_SESSION_ID", "0123", "****"),
        ("PHP_AUTH_PW", "k", "****"),
        ("QUERY_STRING", "a=1&password=geheim&b=2", "a=1&password=****&b=2"),
        ("REQUEST_URI", "/p?access_token=x&y#f", "/p?access_token=****&y#f"),
        ("Referer", "https://user:pass@example.org/?apikey=1;b=2", "https://user:****@example.org/?apikey=****;b=2"),
        ("Location", "/cb?code=abc&state=x", "/cb?code=****&state=x"),
        ("HTTP_X_FORWARDED_URI", "/p?token=x&y=1", "/p?token=****&y=1"),
        ("Link", "</p?page=2&token=x>; rel=next", "</p?page=2&token=****; rel=next"),
        ("QUERY_STRING", "sv=2024&sig=x&signed=1", "sv=2024&sig=****&signed=1"),
        ("HTTP_AUTHORIZATION", "", ""),
        ("CONTENT_TYPE", "text/plain; password=1", "text/plain; password=1"),
        ("X-Auth", "hunter4", "****"),
        ("HTTP_X_AUTH", "hunter4", "****"),
        ("X-Auth-Key", "k", "****"),
        ("HTTP_X_ACCESS_KEY", "k", "****"),
        ("PHP_AUTH_USER", "alice", "alice"),
        ("HTTP_X_AUTHOR", "alice", "alice"),
        ("HTTP_ACCEPT", "*/*", "*/*"),
        ("REMOTE_USER", "alice", "alice"),
        ("AUTH_TYPE", "Basic", "Basic"),
        ("REQUEST_URI", "/session/12", "/session/12"),
    ],
)
def test_values(name: str, value: str, shown: str) -> None:
    assert mask_value(name, value) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("user=x&passwd=geheim", "user=x&passwd=****"),
        ("user=x&password=cut off in the mid", "user=x&password=**** off in the mid"),
        ('{"user": "x", "password": "a\\"b", "n": 1}', '{"user": "x", "password": "****", "n": 1}'),
        ('{"token":12345}', '{"token":"****"}'),
        ('{"password": "cut of', '{"password": "****"'),
        ('{"password":["hunter3", "]"], "n": [1]}', '{"password":"****", "n": [1]}'),
        ('{"secrets": {"a": {"b": "}"}}, "n": 1}', '{"secrets": "****", "n": 1}'),
        ('{"users": [{"password": "a", "n": 1}]}', '{"users": [{"password": "****", "n": 1}]}'),
        ('{"ids": [1], "token": [1, {"cut', '{"ids": [1], "token": "****"'),
        ('[{"n": 1, "token": null}]', '[{"n": 1, "token": "****"}]'),
        (
            '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter 2\r\nmulti\r\n--b\r\n'
            'Content-Disposition: form-data; name="user"\r\nContent-Type: text/plain\r\n\r\nalice\r\n--b--',
            '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n****\r\n--b\r\n'
            'Content-Disposition: form-data; name="user"\r\nContent-Type: text/plain\r\n\r\nalice\r\n--b--',
        ),
        ('name="token"; x=y\r\nContent-Type: a\r\n\r\ncut off', 'name="token"; x=y\r\nContent-Type: a\r\n\r\n****'),
        ("author=alice&author_id=1&authority=b", "author=alice&author_id=1&authority=b"),
        ("auth=a&oauth_x=b&authorization=c&authorise=d", "auth=****&oauth_x=****&authorization=****&authorise=****"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_bodies(text: str, shown: str) -> None:
    assert mask_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        *("a" * 200_000, "=" * 200_000, '"' * 200_000, "token" * 40_000, '"a":"' * 40_000, '"token":[' * 20_000),
        *('name="a"\r\n' * 20_000, 'name="a"\r\n\r\n' * 20_000, '"token":[],' * 20_000, "\r\n--" * 50_000),
    ],
)
def test_no_text_takes_long(text: str) -> None:
    """Quadratic, it would take minutes."""
    started = time.process_time()
    mask_text(text)
    assert time.process_time() - started < 10
