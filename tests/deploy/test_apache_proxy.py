"""mod_proxy: targets, and which flags the backend needs."""

from __future__ import annotations

import pytest

from tests.deploy.apachewords import lines_of


@pytest.mark.parametrize(
    ("transport", "address", "target"),
    [
        ("fastcgi", "unix:/run/a.sock", '"unix:/run/a.sock|fcgi://localhost/"'),
        ("scgi", "127.0.0.1:4000", "scgi://127.0.0.1:4000/"),
        ("uwsgi", "[::1]:3031", '"uwsgi://[::1]:3031/"'),
        ("ajp", "127.0.0.1:8009", "ajp://127.0.0.1:8009/"),
        ("http", "unix:/run/a.sock", '"unix:/run/a.sock|http://localhost/" nocanon'),
    ],
)
def test_the_target_at_the_root(transport: str, address: str, target: str) -> None:
    lines = lines_of(transport, address)
    assert [line for line in lines if line.startswith(f"ProxyPass / {target} ")]
    assert not [line for line in lines if "--script-name" in line]


@pytest.mark.parametrize("transport", ["fastcgi", "scgi", "uwsgi"])
def test_the_mount_is_taken_off_where_it_is_told(transport: str) -> None:
    lines = lines_of(transport, "127.0.0.1:1", mount="/a b")
    assert [line for line in lines if line.startswith('ProxyPass "/a b" ') and "://127.0.0.1:1 " in line]
    assert not [line for line in lines if "--script-name" in line]


@pytest.mark.parametrize("transport", ["ajp", "http"])
def test_the_whole_path_is_passed_on_where_it_is_not(transport: str) -> None:
    lines = lines_of(transport, "127.0.0.1:1", mount="/a b")
    assert [line for line in lines if line.startswith(f'ProxyPass "/a b" "{transport}://127.0.0.1:1/a b"')]
    assert [line for line in lines if line.endswith("--script-name '/a b'")]


def test_the_secret_is_a_word_at_both_ends() -> None:
    lines = lines_of("ajp", "127.0.0.1:1", ajp_secret="it's secret")
    assert [line for line in lines if '"secret=it\'s secret"' in line]
    assert [line for line in lines if """--ajp-secret 'it'"'"'s secret'""" in line]


def test_path_info_is_set_below_the_mount_only() -> None:
    """For /app itself, the handler would make it a slash."""
    assert r'SetEnvIf Request_URI "^/a\.b/" proxy-fcgi-pathinfo=unescape' in lines_of("fastcgi", "h:1", mount="/a.b")


def test_files_below_a_handler_are_taken_from_it() -> None:
    lines = lines_of("fastcgi", "h:1", mount="/app", variant="sethandler", static=(("/app/s", "/srv/s"), ("/t", "/t")))
    assert lines[lines.index("<Location /app/s>") + 1] == "SetHandler None"
    assert lines.index("<Location /app/s>") > lines.index("<Location /app>")
    assert "<Location /t>" not in lines


def test_the_times() -> None:
    [line] = [line for line in lines_of("fastcgi", "h:1", timeout=90.4) if line.startswith("ProxyPass")]
    assert line.endswith(" timeout=90")
