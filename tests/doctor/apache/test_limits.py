"""Limits, buffers and kept connections of Apache."""

from __future__ import annotations

import pytest

from tests.doctor.asked import codes

FCGID = "ScriptAlias / /srv/a.fcgi/\nSetHandler fcgid-script\n"


def of(tmp_path, text):
    return codes(tmp_path / "a", text)


def test_the_defaults_of_mod_fcgid(tmp_path):
    found = of(tmp_path, FCGID)
    assert (found["body-limit"], found["stream-buffered"]) == (1, 1)
    assert "timeout-short" not in found
    better = "FcgidMaxRequestLen 104857600\nFcgidOutputBufferSize 0\n"
    assert not {"body-limit", "stream-buffered"} & set(of(tmp_path, FCGID + better))


def test_times_of_mod_fcgid(tmp_path):
    assert of(tmp_path, f"{FCGID}FcgidIOTimeout 5\n")["timeout-short"] == 3
    assert of(tmp_path, f"{FCGID}FcgidIOTimeout 400\n")["timeout-short"] == 1  # busy: 300
    assert "timeout-short" not in of(tmp_path, f"{FCGID}FcgidIOTimeout 400\nFcgidBusyTimeout 400\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ProxyPass / fcgi://x:1/", False),
        ("ProxyPass / fcgi://x:1/ enablereuse=on", True),
        ("ProxyPass / fcgi://x:1/ enablereuse=on ttl=60", False),
        ("ProxyPass / fcgi://x:1/ enablereuse=on ttl=2min", True),
        ("ProxyPass / scgi://x:1/", False),
        ("ProxyPass / http://x:1/", True),
        ("ProxyPass / http://x:1/ disablereuse=on", False),
        ("ProxyPass / ajp://x:1/", True),
        ("ProxyPass / ajp://x:1/ ping=1", False),
    ],
)
def test_kept_connections(tmp_path, text, found):
    assert ("keepalive-longer" in of(tmp_path, text)) is found


def test_timeouts_and_buffers(tmp_path):
    assert of(tmp_path, "ProxyPass / scgi://x:1/ timeout=9")["timeout-short"] == 1
    assert of(tmp_path, "ProxyPass / scgi://x:1/\nProxyTimeout 500ms\n")["timeout-short"] == 2
    assert "timeout-short" not in of(tmp_path, "ProxyPass / scgi://x:1/ timeout=60\nProxyTimeout 1\n")
    assert "stream-buffered" in of(tmp_path, "ProxyPass / uwsgi://x:1/")
    for text in ("ProxyPass / uwsgi://x:1/ flushpackets=on", "ProxyPass / http://x:1/", "ProxyPass / ajp://x:1/"):
        assert "stream-buffered" not in of(tmp_path, text)


def test_bodies(tmp_path):
    assert of(tmp_path, "ScriptAlias / /a.cgi/\nLimitRequestBody 9000\n")["body-limit"] == 2
    for text in ("ScriptAlias / /a.cgi/\nLimitRequestBody 0\n", "ProxyPass / scgi://x:1/\nLimitRequestBody 9000\n"):
        assert "body-limit" not in of(tmp_path, text)
    assert "body-unmeasured" in of(tmp_path, "ProxyPass / fcgi://x:1/")
    assert "body-unmeasured" not in of(tmp_path, "ProxyPass / fcgi://x:1/\nSetEnv proxy-sendcl 1\n")
