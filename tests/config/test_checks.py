"""Settings that contradict each other, and addresses that two pools want."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateways.config.checks import Finding, check_listening, check_settings
from gateways.settings import Settings
from gateways.settings.listening import LISTENERS


def find(several: bool = False, **keywords: Any) -> list[Finding]:
    return list(check_settings(Settings(**keywords), several))


def texts(fatal: bool, **keywords: Any) -> list[str]:
    return [f"{finding.setting}: {finding.text}" for finding in find(**keywords) if finding.fatal is fatal]


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"workers": 4},
        {"workers": 1, "pm": "dynamic"},  # the default of max_spare is larger: nobody said so
        {"workers": 4, "pm": "dynamic", "min_spare": 2, "max_spare": 4, "start_workers": 3},
        {"workers": 4, "pm": "ondemand", "idle_timeout": 60},
        {"workers": 4, "pm": "dynamic", "max_spare": 4, "start_workers": 0},
        {"workers": 2, "preload": True, "control": "/run/c", "daemonize": True, "error_log": "/l", "access_log": None},
        {"workers": 2, "request_slowlog_timeout": 5, "request_terminate_timeout": 60},
        {"workers": 2, "request_slowlog_timeout": 5},
        {"workers": 2, "max_requests": 5, "max_requests_jitter": 1},
        {"workers": 2, "env": {"PATH": "/bin", "TZ": "UTC"}, "status": "/status", "ping": "/ping"},
        {"http": ":1", "certfile": "/c", "keyfile": "/k", "proxy_protocol": True, "forwarded_allow_ips": ["unix"]},
        {"preload": False, "pm": "static", "daemonize": False, "control": None},
    ],
    ids=str,
)
def test_settings_that_go_together(keywords: dict[str, Any]) -> None:
    assert find(**keywords) == []


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"pm": "dynamic", "workers": 4, "min_spare": 5, "max_spare": 2},
         "max_spare: 2 is less than min_spare, which is 5"),
        ({"pm": "dynamic", "workers": 4, "min_spare": 4}, "max_spare: 3 is less than min_spare, which is 4"),
        ({"pm": "dynamic", "workers": 4, "max_spare": 5},
         "max_spare: 5 is more than workers, which is 4: so many can never be idle"),
        ({"pm": "dynamic", "workers": 1, "min_spare": 2},
         "min_spare: 2 is more than workers, which is 1: so many can never be idle"),
        ({"pm": "dynamic", "workers": 2, "start_workers": 3}, "start_workers: 3 is more than workers, which is 2"),
        ({"pm": "dynamic", "workers": 9, "start_workers": 4},
         "start_workers: 4 is not from min_spare to max_spare, which are 1 and 3"),
        ({"keyfile": "/k", "http": ":1"}, "keyfile: the certificate is missing; give certfile, too"),
        ({"proxy_protocol": True, "http": ":1"},
         "proxy_protocol: nobody could connect; name the proxies with forwarded_allow_ips"),
        ({"forwarded_headers": ["forwarded", "x-forwarded-for"]},
         "forwarded_headers: with forwarded no other field counts; give it alone"),
        ({"worker": "gevent", "fcgi_multiplex": 8},
         "fcgi_multiplex: it is made of threads, and worker gevent has none; use worker threads"),
        ({"preload": True}, "preload: there is no manager with workers = 0; give 1 or more workers"),
        ({"daemonize": True, "error_log": "/l"},
         "daemonize: there is no manager with workers = 0; give 1 or more workers"),
        ({"pm": "ondemand"}, "pm: there is no manager with workers = 0; give 1 or more workers"),
        ({"several": True, "fastcgi": ":1"}, "workers: each of several pools needs workers; give 1 or more"),
        ({"several": True, "workers": 1}, f"fastcgi: nothing to listen on; give {' or '.join(LISTENERS)}"),
        ({"workers": 1, "daemonize": True}, "daemonize: the error log would go nowhere; give error_log a file"),
        ({"status": "/x", "ping": "/x"}, "ping: the path /x is that of status already; choose another one"),
        ({"status": "/", "ping": ""}, "ping: the path / is that of status already; choose another one"),
    ],
    ids=str,
)  # fmt: skip
def test_a_contradiction_is_refused(keywords: dict[str, Any], text: str) -> None:
    assert texts(True, **keywords) == [text]


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"workers": 1, "max_spare": 2}, "max_spare: it has no effect, because pm is static and not dynamic"),
        ({"workers": 1, "idle_timeout": 2}, "idle_timeout: it has no effect, because pm is static and not ondemand"),
        ({"workers": 1, "renew_on": "never"},
         "renew_on: it has no effect with workers; reload and restart_file are for them"),
        ({"max_requests_jitter": 2}, "max_requests_jitter: it has no effect without max_requests"),
        ({"max_request_line": 1024}, "max_request_line: it has no effect without http or listen"),
        ({"workers": 1, "request_slowlog_timeout": 60, "request_terminate_timeout": 60},
         "request_slowlog_timeout: 60 s are never reached, because request_terminate_timeout is 60 s"),
        ({"workers": 1, "daemonize": True, "error_log": "/l"},
         'access_log: it goes nowhere with daemonize; give a file, or "off"'),
        ({"env": {"PYTHONPATH": "/x"}}, "env: PYTHONPATH has no effect, because Python runs already; use python_path"),
        ({"env": {"LD_PRELOAD": "/x"}},
         "env: LD_PRELOAD has no effect, because Python runs already; set it for the whole program"),
        ({"control": "/c"}, "control: there is no manager with workers = 0; give 1 or more workers"),
    ],
    ids=str,
)  # fmt: skip
def test_what_has_no_effect_is_said(keywords: dict[str, Any], text: str) -> None:
    assert texts(False, **keywords) == [text]
    assert texts(True, **keywords) == []


def clashes(*pools: dict[str, Any]) -> list[tuple[str, str, str]]:
    return list(check_listening([(str(number), Settings(**keywords)) for number, keywords in enumerate(pools)]))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"fastcgi": "unix:/run/a"}, {"scgi": "unix:/run/./b"}),
        ({"fastcgi": ":9000"}, {"fastcgi": ":9001"}),
        ({"fastcgi": ":0"}, {"fastcgi": [":0", ":0"]}),
        ({"fastcgi": "systemd:a"}, {"fastcgi": "systemd:b"}),
        ({"fastcgi": "@a"}, {"fastcgi": "unix:/a"}),
        ({"fastcgi": "unix:/a", "control": "/c"}, {"fastcgi": "unix:/b", "control": "/c"}),
    ],
    ids=str,
)
def test_addresses_of_their_own(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert clashes(first, second) == []


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ({"fastcgi": "unix:/run/a"}, {"scgi": "unix:/run/./x/../a"},
         ("1", "scgi", "unix:/run/./x/../a is listened on already, by fastcgi of pool 0")),
        ({"fastcgi": ":9000"}, {"fastcgi": "127.0.0.1:9000"},
         ("1", "fastcgi", "127.0.0.1:9000 is listened on already, by fastcgi of pool 0")),
        ({}, {"fastcgi": ":9000", "scgi": ":9000"},
         ("1", "scgi", ":9000 is listened on already, by fastcgi of pool 1")),
        ({"fastcgi": ["@a", "@a"]}, {}, ("0", "fastcgi", "@a is listened on already, by fastcgi of pool 0")),
        ({"fastcgi": "systemd:a"}, {"fastcgi": "systemd:a"},
         ("1", "fastcgi", "systemd:a is listened on already, by fastcgi of pool 0")),
        ({"control": "/c"}, {"fastcgi": "unix:/c"},
         ("1", "fastcgi", "unix:/c is listened on already, by the control socket")),
    ],
    ids=str,
)  # fmt: skip
def test_an_address_that_is_wanted_twice(
    first: dict[str, Any], second: dict[str, Any], text: tuple[str, str, str]
) -> None:
    assert clashes(first, second) == [text]


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({"worker": "gevent", "interface": "asgi"}, "worker"),
        ({"threads": 1025}, "threads"),
        ({"worker": "gevent", "threads": 1025}, None),
        ({"interface": "asgi"}, None),
    ],
)
def test_what_serves_requests(values: dict[str, object], setting: str | None) -> None:
    found = [finding.setting for finding in check_settings(Settings(**values), several=False) if finding.fatal]
    assert found == ([] if setting is None else [setting])


def test_A14_a_secret_that_everybody_can_see(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sesame")
    for value, seen in (("sesame", True), (f"@{tmp_path}/secret", False)):
        settings = Settings.load({}, {"ajp_secret": value})
        found = list(check_settings(settings, False))
        assert [(finding.setting, finding.fatal) for finding in found] == [("ajp_secret", False)] * seen
        assert "sesame" not in repr(found)
    assert list(check_settings(Settings.load({"GATEWAYS_AJP_SECRET": "sesame"}), False)) == []
