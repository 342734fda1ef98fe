"""./dev demo: the application of cgi-bin/ as a FastCGI backend, with the development web server in front of it.

Nothing but Python is needed. ``--check`` requests the application's pages instead of waiting for a person to do so.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

from tests.support.processes import INSIST
from tests.support.source import CHECKOUT
from tests.tools import demo_pages

START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
#: Bytes of a directory that still leave room for a socket's name: the address of a Unix socket holds 107 of them.
LONGEST_DIRECTORY = 90


class DemoError(Exception):
    """The demonstration cannot go on; the message is for the person who started it."""


class Program:
    """A child process whose log is read while it runs."""

    def __init__(self, *arguments: str, show: bool, on_exit: Callable[[], object]) -> None:
        ours = ("GATEWAYS_", "LISTEN_")  # settings of the person's own, not of the demonstration
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment.update(INSIST, PYTHONPATH=str(CHECKOUT))
        self.name = f"gateways {arguments[0]}"
        self.log: list[str] = []
        self._show = show
        self._on_exit = on_exit
        self._ended = False
        self._news = threading.Condition()
        # A session of its own: Ctrl-C reaches this process alone, which then stops its children in order.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gateways", *arguments],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if self._show:
                sys.stderr.write(line)
            with self._news:
                self.log.append(line.rstrip())
                self._news.notify_all()
        self._process.wait()
        with self._news:
            self._ended = True
            self._news.notify_all()
        self._on_exit()

    def exit_code(self) -> int | None:
        """Return the exit code, or None while the program runs."""
        return self._process.poll()

    def wait_for(self, pattern: str) -> str:
        """Wait for a line of the log, and return the part of it that ``pattern`` matches."""

        def look() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in self.log)), None)

        with self._news:
            self._news.wait_for(lambda: look() or self._ended, START_TIMEOUT)
            found = look()
        if found:
            return found[0]
        if not self._ended:
            raise DemoError(f"{self.name} did not start within {START_TIMEOUT:.0f} seconds")
        raise DemoError(f"{self.name} ended with exit code {self.exit_code()}")

    def stop(self) -> None:
        """Ask the program to end, and see that it does."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reader.join(STOP_TIMEOUT)
        if self._process.stdout:
            self._process.stdout.close()


@contextlib.contextmanager
def running(http: str, *, show: bool, on_exit: Callable[[], object]) -> Iterator[tuple[str, list[Program]]]:
    """Run backend and web server; give the URL and both programs. They are stopped, and their socket removed."""
    with contextlib.ExitStack() as stack:
        parent = None if len(os.fsencode(tempfile.gettempdir())) <= LONGEST_DIRECTORY else "/tmp"
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="gateways-demo-", dir=parent))
        address = f"unix:{directory}/app.sock"
        commands = [
            ["serve", "cgi-bin/app.py", "--fastcgi", address, "--no-access-log", "--graceful-timeout", "5"],
            ["front", "--http", http, "--fastcgi", address],
        ]
        programs = []
        try:
            for command in commands:
                programs.append(Program(*command, show=show, on_exit=on_exit))
                stack.callback(programs[-1].stop)
            programs[0].wait_for("serving fastcgi")
            yield programs[1].wait_for(r"http://\S+"), programs
        except Exception:
            if not show:
                print(*(line for program in programs for line in program.log), sep="\n", file=sys.stderr)
            raise


def demonstrate(port: int) -> None:
    """Serve until Ctrl-C, SIGTERM, or the end of the terminal."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    with running(f"127.0.0.1:{port}", show=True, on_exit=over.set) as (url, programs):
        print(f"\nOpen {url} in a browser. Ctrl-C stops.\n", flush=True)
        over.wait()
        for program in programs:
            if program.exit_code() is not None:
                raise DemoError(f"{program.name} ended with exit code {program.exit_code()}")


def check(port: int) -> None:
    """Request the pages and print a line for each."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as Ctrl-C: the programs are stopped on the way out
    begun = time.monotonic()
    with running(f"127.0.0.1:{port}", show=False, on_exit=lambda: None) as (url, programs):
        print(f"{url} answered by gateways front, from gateways serve over FastCGI on a Unix socket")
        for page in demo_pages.PAGES:
            print(demo_pages.request(url, page), flush=True)
    for program in programs:
        if program.exit_code() != 0:
            raise DemoError(f"{program.name} ended with exit code {program.exit_code()} when it was stopped")
    print(f"{len(demo_pages.PAGES)} pages as they should be; both programs stopped, {time.monotonic() - begun:.1f} s")


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="./dev demo", description="Serve cgi-bin/app.py over FastCGI and HTTP.")
    parser.add_argument("--check", action="store_true", help="request the pages, print what came back, and stop")
    parser.add_argument("--port", type=int, help="port on 127.0.0.1; default 8000, with --check a free one")
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal need not know every letter
    try:
        if arguments.check:
            check(arguments.port or 0)
        else:
            demonstrate(8000 if arguments.port is None else arguments.port)
    except (DemoError, demo_pages.WrongAnswer) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
