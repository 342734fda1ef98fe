"""Pools whose workers are somebody else than the master, which is root."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.managing import Managed, managing
from tests.support.processes import INSIST
from tests.support.publicpython import Public
from tests.support.serving import until
from tests.support.source import CHECKOUT


@pytest.fixture
def public(socket_dir: Path) -> Public:
    return Public(socket_dir)


PRELOAD = pytest.mark.parametrize("preload", ["--no-preload", "--preload"])


def who(managed: Managed) -> tuple[int, int]:
    uid, gid = managed.ask("/who").body.split()[:2]
    return int(uid), int(gid)


@PRELOAD
def test_workers_are_the_user(public: Public, preload: str) -> None:
    entry = pwd.getpwnam("nobody")
    with managing("--workers", "2", preload, "--user", "nobody", "--umask", "027", **public.options) as managed:
        assert who(managed) == (entry.pw_uid, entry.pw_gid)
        assert managed.ask("/who").body.decode().split("] ")[1].startswith("027 ")
        assert managed.ask("/environ/HOME").body.decode() == entry.pw_dir
        assert managed.ask("/environ/USER").body == b"nobody"
        assert Path(f"/proc/{managed.pid}").stat().st_uid == 0
        for pid in managed.workers():
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            assert [line.split()[1:] for line in status if line.startswith(("Uid:", "Gid:"))] == [
                [str(entry.pw_uid)] * 4,
                [str(entry.pw_gid)] * 4,
            ]
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert title.startswith(b"gateways: worker ")
        before = set(managed.workers())
        managed.signal(signal.SIGHUP)
        until(lambda: len(managed.workers()) == 2 and not before & set(managed.workers()))
        assert who(managed) == (entry.pw_uid, entry.pw_gid)
        assert managed.stop() == 0
        assert not (managed.directory / "socket").exists()


@PRELOAD
def test_logs_that_only_root_can_open_are_opened_anew(public: Public, preload: str) -> None:
    flags = ["--workers", "1", preload, "--user", "nobody", "--access-log", "{dir}/access"]
    with managing(*flags, **public.options) as managed:
        error, access = managed.directory / "log", managed.directory / "access"
        managed.ask("/log/before")
        for log in (error, access):
            assert log.stat().st_uid == 0
            log.rename(log.with_suffix(".old"))
        managed.signal(signal.SIGUSR1)
        until(lambda: error.exists() and access.exists())

        def logged() -> bool:
            managed.ask("/log/after")
            return "after" in error.read_text() and "/log/after" in access.read_text()

        until(logged)
        assert "cannot be opened" not in error.read_text()
        # Who is forked by a nursery that is older than the new files writes to these, too.
        worker = managed.worker()
        os.kill(worker, signal.SIGKILL)
        until(lambda: worker not in managed.workers())
        until(lambda: "/log/again" in (managed.ask("/log/again") and access.read_text()))
        assert "again" in error.read_text()
        assert "/log/again" not in access.with_suffix(".old").read_text()
        managed.stop()
        assert "stopped" in error.read_text()


def test_each_pool_has_its_user(public: Public) -> None:
    config = """
[gateways]
error_log = "{dir}/log"
access_log = "off"
workers = 1
chdir = "/"
application = "APPLICATION"

[pool.first]
user = "nobody"
fastcgi = "unix:{dir}/socket"

[pool.second]
user = "daemon"
fastcgi = "unix:{dir}/second"
""".replace("APPLICATION", str(public.options.pop("application")))
    public.options["environ"].update(dict.fromkeys(INSIST, ""))  # it would win over the file
    with managing(config=config, **public.options) as managed:
        assert who(managed)[0] == pwd.getpwnam("nobody").pw_uid
        target = managed.target._replace(address=f"{managed.directory}/second")
        second = Managed(managed.process, managed.directory, target, "")
        assert who(second)[0] == pwd.getpwnam("daemon").pw_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="this is not root")
@pytest.mark.parametrize("more", [[], ["--daemonize", "--pid-file", "pid"]])
def test_root_that_was_not_told_is_refused_before_anything_is_made(socket_dir: Path, more: list[str]) -> None:
    words = [
        "serve",
        "app",
        "--workers",
        "1",
        "--fastcgi",
        "unix:s",
        "--error-log",
        "log",
        "--control",
        "control",
        *more,
    ]
    environ = {name: value for name, value in os.environ.items() if name not in INSIST}
    result = subprocess.run(
        [sys.executable, "-m", "gateways", *words],
        cwd=socket_dir, env={**environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.startswith("gateways: error: this would serve as root, ")
    assert result.stderr.count("\n") == 1
    assert list(socket_dir.iterdir()) == []


def test_the_capabilities_of_our_unit_are_enough(public: Public) -> None:
    """Of root's rights conf/systemd/gateways.service leaves these."""
    unit = (CHECKOUT / "conf/systemd/gateways.service").read_text()
    [line] = [line for line in unit.splitlines() if line.startswith("CapabilityBoundingSet=")]
    bounding = ",".join(["-all", *(f"+{name.lower()[4:]}" for name in line.partition("=")[2].split())])
    limited = ["setpriv", f"--bounding-set={bounding}", "--no-new-privs"]
    options = {**public.options, "prefix": [*limited, *public.options["prefix"]]}
    flags = ["--workers", "1", "--user", "nobody", "--socket-group", "daemon", "--control", "{dir}/control"]
    with managing(*flags, **options) as managed:
        worker = managed.worker()
        assert who(managed)[0] == pwd.getpwnam("nobody").pw_uid
        managed.signal(signal.SIGHUP)
        until(lambda: managed.worker() != worker)
        assert managed.stop() == 0
