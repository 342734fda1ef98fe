"""The peers: php-fpm and uWSGI, with an application that does the same as ours."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.soak.model import PATIENT_PHP, PHP, UWSGI, Wish
from tests.soak.servers import Ours, Server
from tests.support.load import Address
from tests.support.managing import APPLICATION

SCRIPT = Path(__file__).with_name("apps") / "managed_app.php"


class PhpFpm(Server):
    """php-fpm with one static pool. By its default, process_control_timeout=0, a reload kills what is in hand.

    It is not asked to keep connections, but in L8: each would occupy a child, also while nothing comes over it.
    """

    keeps = False

    reload_signal = signal.SIGUSR2
    stop_signal = signal.SIGQUIT

    def __init__(self, patience: str = "") -> None:
        self.name = PATIENT_PHP if patience else PHP
        self._patience = patience

    def command(self, wish: Wish, directory: Path, address: Address) -> list[str]:
        shutil.copyfile(SCRIPT, directory / SCRIPT.name)
        (directory / SCRIPT.name).chmod(0o644)
        listen = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
        lines = ["[global]", "error_log = /dev/stderr", "log_level = notice"]
        if self._patience:
            lines += [f"process_control_timeout = {self._patience}"]
        lines += ["[managed]", f"listen = {listen}", "listen.mode = 0666", "listen.backlog = 1024", "pm = static"]
        lines += [f"pm.max_children = {wish.workers}", "clear_env = no", "catch_workers_output = yes"]
        # The scenarios are about processes: what they would load is in memory, as in ours.
        lines += ["php_admin_value[opcache.enable] = 1", "php_admin_value[memory_limit] = 2G"]
        lines += ["php_admin_value[post_max_size] = 4G", "php_admin_value[max_execution_time] = 0"]
        if os.geteuid() == 0:
            lines += ["user = www-data", "group = www-data"]
        if wish.request_timeout:
            lines += [f"request_terminate_timeout = {wish.request_timeout:g}s"]
        if wish.max_requests:
            lines += [f"pm.max_requests = {wish.max_requests}"]
        config = directory / "php-fpm.conf"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return [_php(), "--nodaemonize", "--fpm-config", str(config)]

    def missing(self) -> str:
        return "" if _php() else "apt-get install php-fpm"

    def version(self) -> str:
        text = subprocess.run([_php(), "--version"], capture_output=True, text=True, check=True).stdout
        return "php-fpm " + _number(text)

    def variables(self, directory: Path) -> tuple[tuple[bytes, bytes], ...]:
        return ((b"SCRIPT_FILENAME", f"{directory}/{SCRIPT.name}".encode()),)


class Uwsgi(Server):
    """uWSGI with a master, as its documentation recommends it; TERM is made a graceful end, which it is not there."""

    name = UWSGI
    protocols = ("fastcgi", "scgi", "uwsgi")
    keeps = False

    def command(self, wish: Wish, directory: Path, address: Address) -> list[str]:
        listen = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
        backlog = min(1024, int(Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii")))
        flags = [f"--processes={wish.workers}", f"--listen={backlog}", "--home", sys.prefix, "--disable-logging"]
        flags += ["--chmod-socket=666", "--buffer-size=16384", "--enable-threads"]
        flags += ["--hook-master-start=unix_signal:15 gracefully_kill_them_all"]
        flags += [f"--{wish.protocol}-socket={listen}", "--wsgi-file", str(APPLICATION)]
        flags += [f"--worker-reload-mercy={wish.graceful_timeout:g}", f"--reload-mercy={wish.graceful_timeout:g}"]
        if wish.threads > 1:
            flags += [f"--threads={wish.threads}"]
        if wish.at_boot == "crash":
            flags += ["--lazy-apps"]  # else it is the master that imports the application, and is killed
        if wish.request_timeout:
            flags += [f"--harakiri={max(1, round(wish.request_timeout))}"]
        if wish.max_requests:
            flags += [f"--max-requests={wish.max_requests}", f"--max-requests-delta={wish.max_requests // 10}"]
        return [_uwsgi(), "--master", *flags]

    def missing(self) -> str:
        return "" if Path(_uwsgi()).exists() else "pip install uwsgi"

    def version(self) -> str:
        text = subprocess.run([_uwsgi(), "--version"], capture_output=True, text=True, check=True).stdout
        return "uWSGI " + _number(text)


def all_servers() -> list[Server]:
    """Ours first."""
    return [Ours(), PhpFpm(), PhpFpm("10s"), Uwsgi()]


def _php() -> str:
    found = sorted(Path("/usr/sbin").glob("php-fpm*"))
    return str(found[-1]) if found else ""


def _uwsgi() -> str:
    return str(Path(sys.executable).with_name("uwsgi"))


def _number(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+", text)
    return found.group() if found else "?"
