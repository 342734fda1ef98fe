"""The runner of the scenarios: what it runs, what it writes, and when it says that ours has failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak import reloading, report
from tests.soak.__main__ import arguments, measure, scenarios
from tests.soak.model import OURS, PHP, UWSGI, Figure, Plan, Result, Scenario, SoakError, Wish
from tests.soak.peers import PhpFpm, Uwsgi, all_servers
from tests.soak.servers import Ours, Server


class Fake(Ours):
    """Needs no process."""

    def __init__(self, name: str, lacks: str = "") -> None:
        self.name = name
        self._lacks = lacks

    def missing(self) -> str:
        return self._lacks


def result_of(met: bool | None, *servers: Server) -> Result:
    def run(server: Server, plan: Plan) -> Iterator[Figure]:
        yield Figure("what", "0 lost", f"{plan.count(10, 2)} of {server.name}", met, {"lost": 3})
        if server.name == UWSGI:
            raise SoakError("does not start:\nlong log")

    return measure(
        Scenario("L1", "Title", run), servers or [Fake(OURS), Fake(PHP, "apt-get it"), Fake(UWSGI)], Plan(True)
    )


def test_a_page_and_a_file_of_all_figures(tmp_path: Path) -> None:
    result = result_of(True)
    report.write(tmp_path, {"date": "today"}, [result])
    page = (tmp_path / "scenarios.md").read_text(encoding="utf-8")
    assert "- date: today" in page
    assert "| what | 0 lost | 2 of gateways | 2 of uWSGI | yes |" in page
    assert "Not measured: php-fpm: missing: apt-get it" in page
    assert "Not measured: uWSGI: does not start:" in page
    data = json.loads((tmp_path / "scenarios.json").read_text(encoding="utf-8"))
    assert data["scenarios"][0]["servers"][OURS][0]["numbers"] == {"lost": 3}


@pytest.mark.parametrize(("met", "failed", "word"), [(True, False, "yes"), (None, False, "–"), (False, True, "**no**")])
def test_a_missed_goal_of_ours_fails_the_run(met: bool | None, failed: bool, word: str) -> None:
    result = result_of(met)
    assert result.failed is failed
    assert report.table(result)[2].endswith(f"| {word} |")


def test_a_missed_goal_of_a_peer_does_not() -> None:
    assert not result_of(False, Fake(UWSGI)).failed


def test_a_server_of_ours_that_cannot_be_measured_fails_the_run() -> None:
    def fault(server: Server, plan: Plan) -> Iterator[Figure]:
        raise ZeroDivisionError
        yield

    assert measure(Scenario("L1", "Title", fault), [Fake(OURS)], Plan()).failed


def test_the_command_line() -> None:
    assert arguments([]).scenario == list(scenarios())
    chosen = arguments(["--quick", "--scenario", "L1", "L6", "--server", "ours", "--requests", "5000"])
    assert (chosen.quick, chosen.scenario, chosen.server, chosen.requests) == (True, ["L1", "L6"], ["ours"], 5000)
    with pytest.raises(SystemExit):
        arguments(["--scenario", "L99"])


def test_the_scenarios_of_the_issue_are_there_for_ours_and_reload_and_kill_for_the_peers() -> None:
    found = scenarios()
    assert {"L1", "L3", "L6", "L7", "L8", "L13", "L16", "L18", "L22"} <= found.keys()
    assert all(OURS in scenario.servers for scenario in found.values())
    for name in ("L1", "L2", "L3", "L4", "L16"):
        assert {OURS, PHP, UWSGI} <= set(found[name].servers)


def test_how_the_peers_are_started(tmp_path: Path) -> None:
    wish = Wish(workers=3, request_timeout=2.0, max_requests=100)
    PhpFpm("10s").command(wish, tmp_path, str(tmp_path / "socket"))
    config = (tmp_path / "php-fpm.conf").read_text(encoding="utf-8")
    assert "pm.max_children = 3" in config
    assert "process_control_timeout = 10s" in config
    assert "request_terminate_timeout = 2s" in config
    assert {"--processes=3", "--harakiri=2"} <= set(Uwsgi().command(wish, tmp_path, ("127.0.0.1", 1)))
    assert all_servers()[0].name == OURS


@pytest.mark.slow
def test_ours_from_end_to_end() -> None:
    assert reloading.cut_off(Ours()).numbers["left"] == 0
