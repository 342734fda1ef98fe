"""Upgrades from outside (L32): the same process goes on as another program, and nobody notices but the operator."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest

from gateways.cli import main
from gateways.manager.controlclient import ask
from tests.support import wire
from tests.support.managing import ROOT, Managed, descriptors, managing, zombies
from tests.support.processes import is_running
from tests.support.serving import connect, until

Capture = pytest.CaptureFixture[str]

CONTROL = ("--control", "{dir}/control")
PRELOAD = pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preload"])

#: One pool, which logs to {dir}/log and can be asked at {dir}/control.
CONFIG = """
[gateways]
error_log = "{dir}/log"
access_log = "off"
control = "{dir}/control"
application = "{app}"
workers = 2

[pool.one]
fastcgi = "unix:{dir}/socket"
"""


def gateways(managed: Managed, command: str, *flags: str) -> int:
    """Run a command for the master, and return its exit status."""
    return main([command, "--control", str(managed.control), *flags])


def upgraded(managed: Managed) -> None:
    """Wait until new workers have taken over."""
    managed.until("replacing the master")
    until(lambda: "] notice: ready: " in managed.log.rpartition("replacing the master")[2])


def all_of(managed: Managed, count: int) -> set[int]:
    """Wait until all workers serve, and return their process ids."""
    managed.until("] notice: ready: ")
    until(lambda: len(managed.workers()) == count)
    return set(managed.workers())


def request(path: str, body: bytes) -> bytes:
    """Write a POST request."""
    given = {b"PATH_INFO": path.encode(), b"REQUEST_URI": path.encode()}
    return wire.request([(name, given.get(name, value)) for name, value in wire.post(len(body))], body)


def configure(managed: Managed, text: str) -> None:
    text = text.replace("{dir}", str(managed.directory)).replace("{app}", f"{ROOT}/tests/support/managed_app.py")
    (managed.directory / "gateways.toml").write_text(text, encoding="utf-8")


def test_L32_an_upgrade_loses_nothing(capsys: Capture) -> None:
    with managing("--workers", "2", *CONTROL, "--pid-file", "{dir}/pid") as managed:
        before = all_of(managed, 2)
        with managed.loading(50, keep=True) as kept, managed.loading(50) as single:
            assert gateways(managed, "upgrade") == 0
            until(lambda: before.isdisjoint(managed.workers()))
            until(lambda: single.report.sent > 50)
        assert kept.report.failures == single.report.failures == {}
        assert len(managed.workers()) == 2
        assert (managed.directory / "pid").read_text() == f"{managed.pid}\n"
        until(lambda: zombies(managed.pid) == [])
        assert capsys.readouterr().out == (
            "the new program is tried\nthe new program starts its workers\n"
            "upgraded: the new program and its workers serve\n"
        )
        assert ask(str(managed.control), {"ask": "status"})["status"]["upgrades"] == 1
        assert gateways(managed, "stop") == 0
        assert managed.wait() == 0
        assert not managed.control.exists()
        assert not (managed.directory / "pid").exists()


@PRELOAD
def test_L32_signals_during_an_upgrade_are_not_lost_and_do_no_harm(flags: tuple[str, ...]) -> None:
    with managing("--workers", "2", *flags) as managed:
        with managed.loading(50) as load:
            for number in [signal.SIGUSR2, signal.SIGHUP, signal.SIGUSR1, signal.SIGWINCH] * 10:
                managed.signal(number)
                time.sleep(0.01)
            upgraded(managed)
            before = set(managed.workers())
            managed.signal(signal.SIGHUP)
            until(lambda: before.isdisjoint(managed.workers()))
        assert load.report.failures == {}
        assert managed.stop() == 0


def test_a_stop_that_comes_while_the_new_program_is_tried() -> None:
    with managing("--workers", "1") as managed:
        managed.signal(signal.SIGUSR2)
        managed.until("the master will be replaced")
        assert managed.stop() == 0


def test_a_stop_right_behind_the_upgrade() -> None:
    with managing("--workers", "1") as managed:
        managed.signal(signal.SIGUSR2)
        managed.until("replacing the master")
        assert managed.stop() == 0


def test_a_request_in_hand_is_finished_by_its_worker() -> None:
    with managing("--workers", "1", *CONTROL) as managed:
        worker = managed.worker()
        data = request("/count", b"x" * 1000)
        sock = managed.connect()
        sock.sendall(data[:-500])  # the worker waits for the rest
        until(lambda: ask(str(managed.control), {"ask": "status"})["status"]["pools"][0]["active"] == 1)
        assert gateways(managed, "upgrade") == 0
        until(lambda: managed.worker() != worker)
        rows = ask(str(managed.control), {"ask": "status"})["status"]["pools"][0]["workers"]
        assert worker in [row["pid"] for row in rows]  # the new master sees what the old worker has in hand
        assert gateways(managed, "upgrade") == 0  # and again, while it still finishes
        sock.sendall(data[-500:])
        assert managed.receive(sock).body == b"1000"
        until(lambda: not is_running(worker))
        assert "died" not in managed.log


def test_another_version_takes_over(tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "gateways").symlink_to(ROOT / "gateways")
    with managing("--workers", "1", *CONTROL, environ={"PYTHONPATH": str(library)}) as managed:
        shutil.copytree(ROOT / "gateways", tmp_path / "new", ignore=shutil.ignore_patterns("__pycache__"))
        root = tmp_path / "new" / "__init__.py"
        root.write_text(root.read_text().replace("__version__ = ", '__version__ = "99.1"  # '))
        (library / "gateways").unlink()
        (tmp_path / "new").rename(library / "gateways")
        assert ask(str(managed.control), {"ask": "status"})["status"]["version"] != "99.1"
        assert gateways(managed, "upgrade") == 0
        assert ask(str(managed.control), {"ask": "status"})["status"]["version"] == "99.1"

        # A version that does not even start changes nothing.
        until(lambda: len(managed.workers()) == 1)
        worker = managed.worker()
        (library / "gateways" / "manager" / "launching.py").write_text("import nosuch\n")
        assert gateways(managed, "upgrade") == 1
        assert "cannot take over: ModuleNotFoundError: No module named 'nosuch'" in managed.log
        assert managed.worker() == worker


@PRELOAD
def test_an_application_that_fails_leaves_the_old_workers(capsys: Capture, flags: tuple[str, ...]) -> None:
    with managing("--workers", "2", *CONTROL, *flags) as managed:
        before = all_of(managed, 2)
        managed.at_boot("fail")
        with managed.loading(50) as load:
            assert gateways(managed, "upgrade") == 1
            assert "asked to fail at boot" in capsys.readouterr().err
            assert before <= set(managed.workers())
            managed.at_boot("")
            assert gateways(managed, "reload") == 0
            until(lambda: before.isdisjoint(managed.workers()))
        assert load.report.failures == {}


def test_an_upgrade_while_a_reload_goes_on(capsys: Capture) -> None:
    with managing("--workers", "2", *CONTROL) as managed:
        before = all_of(managed, 2)
        managed.at_boot("sleep 600")
        managed.signal(signal.SIGHUP)
        until(lambda: len(managed.workers()) == 4)
        hanging = set(managed.workers()) - before
        managed.at_boot("")
        with managed.loading(50) as load:
            assert gateways(managed, "upgrade") == 0
            until(lambda: (before | hanging).isdisjoint(managed.workers()))
        assert load.report.failures == {}


def test_nothing_is_left_open_by_many_upgrades() -> None:
    with managing("--workers", "1", *CONTROL) as managed:
        assert gateways(managed, "upgrade") == 0
        until(lambda: len(managed.workers()) == 1)
        before = len(descriptors(managed.pid)), int(managed.ask("/fds").body)
        for _ in range(3):
            assert gateways(managed, "upgrade") == 0
        until(lambda: len(managed.workers()) == 1)
        until(lambda: len(descriptors(managed.pid)) <= before[0])
        until(lambda: int(managed.ask("/fds").body) <= before[1])


# The configuration file


def test_a_changed_file_is_obeyed_by_a_reload() -> None:
    with managing(config=CONFIG) as managed:
        before = all_of(managed, 2)
        with managed.loading(50) as load:
            configure(managed, CONFIG.replace("workers = 2", "workers = 3"))
            managed.signal(signal.SIGHUP)
            until(lambda: len(managed.workers()) == 3 and before.isdisjoint(managed.workers()))
            assert "gateways.toml has changed: the master will be replaced" in managed.log
            assert gateways(managed, "reload") == 0  # and now nothing has changed
        assert load.report.failures == {}
        assert managed.log.count("replacing the master") == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("workers = 2", 'workers = "many"'), "line 7"),
        (("workers = 2", "workers = "), "line 7"),
        (("workers = 2", "workers = 0"), "workers is 0 now"),
        (("workers = 2", 'workers = 2\nsocket_owner = "nosuchuser"'), "nosuchuser"),
        (('fastcgi = "', 'scgi = "unix:/nosuch/directory/socket"\nfastcgi = "'), "there is no directory"),
        (('"{dir}/log"', '"{dir}/nosuch/log"'), "there is no directory"),
    ],
)
def test_a_file_with_a_mistake_changes_nothing(capsys: Capture, change: tuple[str, str], reason: str) -> None:
    with managing(config=CONFIG) as managed:
        before = all_of(managed, 2)
        configure(managed, CONFIG.replace(*change))
        assert gateways(managed, "reload") == 1
        assert reason in capsys.readouterr().err
        assert set(managed.workers()) == before
        configure(managed, CONFIG)
        assert gateways(managed, "reload") == 0


def test_addresses_come_and_go() -> None:
    with managing(config=CONFIG) as managed:
        other = f"{managed.directory}/other"
        configure(managed, CONFIG.replace('"unix:{dir}/socket"', '["unix:{dir}/socket", "unix:{dir}/other"]'))
        with managed.loading(50) as load:
            assert gateways(managed, "reload") == 0
            connect(socket.AF_UNIX, other).close()
            configure(managed, CONFIG)
            assert gateways(managed, "reload") == 0
            until(lambda: not os.path.exists(other))
        assert load.report.failures == {}


def test_an_address_that_goes_is_served_until_the_new_workers_are_ready() -> None:
    with managing(config=CONFIG.replace("workers = 2", "workers = 2\nthreads = 1")) as managed:
        all_of(managed, 2)
        configure(managed, CONFIG.replace("{dir}/socket", "{dir}/other").replace("workers = 2", "workers = 1"))
        managed.at_boot("fail")
        assert gateways(managed, "reload") == 1
        with managed.loading(50) as load:
            until(lambda: load.report.sent > 10)
            waiting = [managed.send("/sleep/0.5") for _ in range(6)]  # some of them in the backlog
            managed.at_boot("")  # from now on the new ones may become ready by themselves
            gateways(managed, "reload")
            until(lambda: not os.path.exists(managed.target.address))
        assert [managed.receive(sock).status for sock in waiting] == ["200 OK"] * 6
        assert set(load.report.failures) <= {"no socket", "refused"}  # those that came too late
        until(lambda: len(managed.workers()) == 1)


def test_pools_come_and_go() -> None:
    two = f'{CONFIG}\n[pool.two]\nfastcgi = "unix:{{dir}}/two"\n'
    with managing(config=CONFIG) as managed:
        with managed.loading(50) as load:
            configure(managed, two)
            assert gateways(managed, "reload") == 0
            until(lambda: len(managed.workers()) == 4)
            connect(socket.AF_UNIX, f"{managed.directory}/two").close()
            configure(managed, CONFIG.replace("pool.one", "pool.renamed"))
            before = set(managed.workers())
            assert gateways(managed, "reload") == 0
            until(lambda: len(managed.workers()) == 2 and before.isdisjoint(managed.workers()))
            until(lambda: not (managed.directory / "two").exists())
        assert load.report.failures == {}

        def pools() -> list[str]:
            return [pool["name"] for pool in ask(str(managed.control), {"ask": "status"})["status"]["pools"]]

        until(lambda: pools() == ["renamed"])  # when the ends of the old workers are known


def test_a_new_pool_that_cannot_start_does_no_harm(capsys: Capture) -> None:
    two = f'{CONFIG}\n[pool.two]\napplication = "nosuch"\nboot_retries = 1\nfastcgi = "unix:{{dir}}/two"\n'
    with managing(config=CONFIG) as managed:
        configure(managed, two)
        with managed.loading(50) as load:
            assert gateways(managed, "reload") == 1
            assert "pool two: its workers do not become ready" in capsys.readouterr().err
            managed.until("the other pools serve on")
            configure(managed, CONFIG)
            assert gateways(managed, "reload") == 0
        assert load.report.failures == {}
