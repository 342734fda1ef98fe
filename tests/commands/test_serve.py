"""gateways serve as a program: what reaches the application, and an exit code and a line for every way to fail."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.client import Client
from gateways.commands import serve
from gateways.config import Plan
from gateways.settings import Settings
from tests.support import source
from tests.support.serving import PATIENCE, until

SHOW = """
import os, sys
def application(environ, start_response):
    print("to stdout")
    start_response("200 OK", [("Content-Type", "text/plain")])
    value = environ.get(environ["QUERY_STRING"], "absent")
    return [f"{value}|{environ['SCRIPT_NAME']}|{environ['wsgi.multithread']}|{os.getcwd()}".encode("latin-1")]
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "show.py").write_text(SHOW)
    return tmp_path


class Program:
    """A running ``gateways serve`` whose output is collected in files."""

    def __init__(self, directory: Path, *arguments: str, **environ: str) -> None:
        command = [sys.executable, "-m", "gateways", "serve", *arguments]
        self.stdout, self.stderr = directory / "stdout", directory / "stderr"
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env={**os.environ, "PYTHONPATH": str(source.CHECKOUT), **environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def log(self) -> str:
        return self.stderr.read_text("utf-8")

    def until_serving(self) -> Program:
        until(lambda: "serving" in self.log or self.process.poll() is not None, self.log)
        assert self.process.poll() is None, self.log
        return self

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    started: list[Program] = []
    yield started
    for program in started:
        program.process.kill()
        program.process.wait()


def ask(address: str, path: str, protocol: str = "fastcgi") -> str:
    with Client(protocol, address, timeout=PATIENCE) as client, client.request("GET", path) as response:
        return b"".join(response.iter_body()).decode("latin-1")


def failure(directory: Path, code: int, *arguments: str, **environ: str) -> str:
    """Run a command that fails with ``code``; return its one line."""
    program = Program(directory, *arguments, **environ)
    assert program.process.wait(PATIENCE) == code, program.log
    assert program.log.startswith("gateways: error: "), program.log
    assert program.log.count("\n") == 1, program.log
    return program.log[len("gateways: error: ") : -1]


# Flags


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    return parser.parse_args(arguments)


def test_every_setting_has_its_flag() -> None:
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    for setting in Settings.settings.values():
        assert setting.flag in parser.format_help()


def test_a_flag_that_is_not_given_leaves_the_variable_its_say(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr(serve, "launch", lambda application, settings, notices: seen.append(settings) or 7)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("GATEWAYS_THREADS", "3")
    monkeypatch.setenv("GATEWAYS_DEBUG", "yes")
    assert serve.run(parse("app", "--scgi", ":1", "--scgi", ":2", "--no-access-log", "--socket-mode", "0600")) == 7
    assert serve.run(parse("app", "--threads", "4", "--no-debug", "--access-log", "-")) == 7
    assert (seen[0].threads, seen[0].debug, seen[0].scgi) == (3, True, (":1", ":2"))
    assert (seen[0].access_log, seen[0].socket_mode) == (None, 0o600)
    assert (seen[1].threads, seen[1].debug, seen[1].access_log) == (4, False, "-")
    assert sys.path[0] == ""


# Serving


def test_it_serves_both_protocols_and_says_so(directory: Path, programs: list[Program]) -> None:
    first, second = f"unix:{directory}/fastcgi", f"unix:{directory}/scgi"
    flags = ["--fastcgi", first, "--scgi", second, "--environ", "COLOUR=blue", "--environ", "X=1", "--threads", "1"]
    program = Program(directory, "show", *flags, "--script-name", "/app")
    programs.append(program)
    program.until_serving()
    until(lambda: program.log.count("serving") == 2, program.log)
    assert f"notice: serving fastcgi on {first}: show, 1 thread\n" in program.log
    assert f"notice: serving scgi on {second}: show, 1 thread\n" in program.log
    assert ask(first, "/app?COLOUR") == f"blue|/app|False|{directory}"
    assert ask(second, "/app?X", "scgi") == f"1|/app|False|{directory}"
    assert program.stop() == 0
    assert program.log.endswith("notice: stopped\n")
    assert not (directory / "fastcgi").exists()
    lines = [line for line in program.stdout.read_text().splitlines() if line != "to stdout"]
    assert len(lines) == 2
    assert '"GET /app?COLOUR HTTP/1.1" 200' in lines[0]


def test_variables_say_the_same(directory: Path, programs: list[Program]) -> None:
    address = f"unix:{directory}/socket"
    (directory / "logs").mkdir()
    environ = {
        "GATEWAYS_FASTCGI": address,
        "GATEWAYS_ENVIRON": "'TITLE=My site' A=1",
        "GATEWAYS_ACCESS_LOG": "logs/access",
        "GATEWAYS_ACCESS_LOG_FORMAT": "%m %U",
        "GATEWAYS_API_KEY": "secret",
    }
    program = Program(directory, "show:application", **environ)
    programs.append(program)
    program.until_serving()
    assert ask(address, "/path?TITLE") == f"My site||True|{directory}"
    assert program.stop() == 0
    assert (directory / "logs" / "access").read_text() == "GET /path\n"
    assert "notice: no settings, ignored: GATEWAYS_API_KEY\n" in program.log
    assert "secret" not in program.log


def test_chdir_and_python_path(directory: Path, programs: list[Program]) -> None:
    inner = directory / "inner"
    library = directory / "library"
    for path in (inner, library):
        path.mkdir()
    (inner / "site_module.py").write_text(f"import beside\n{SHOW}")
    (library / "beside.py").touch()
    address = f"unix:{directory}/socket"
    flags = ["--chdir", "inner", "--python-path", "../library", "--fastcgi", address]
    program = Program(directory, "site_module", *flags)
    programs.append(program)
    program.until_serving()
    assert ask(address, "/").endswith(f"|{inner}")
    assert program.stop() == 0


def test_the_working_directory_comes_first(directory: Path, programs: list[Program]) -> None:
    (directory / "flask.py").write_text(SHOW)  # as python -m has it, even where a package of that name is installed
    address = f"unix:{directory}/socket"
    program = Program(directory, "flask", "--fastcgi", address)
    programs.append(program)
    program.until_serving()
    assert ask(address, "/").endswith(f"|{directory}")


def test_a_failing_application_that_may_answer_does_and_recovers(directory: Path, programs: list[Program]) -> None:
    address = f"unix:{directory}/socket"
    (directory / "broken.py").write_text("import absent_framework\n")
    program = Program(directory, "broken", "--fastcgi", address, "--on-boot-error", "answer")
    programs.append(program)
    program.until_serving()
    assert "application could not be loaded" in ask(address, "/")
    assert "absent_framework" not in ask(address, "/")
    assert f"{directory}/broken.py, line 1: No module named 'absent_framework'" in program.log
    assert "Traceback (most recent call last):" in program.log
    (directory / "broken.py").write_text(SHOW)
    until(lambda: ask(address, "/").startswith("absent|"), program.log)


# The configuration file


def test_the_file_of_the_working_directory(directory: Path, programs: list[Program]) -> None:
    inner = directory / "inner"
    inner.mkdir()
    (directory / "show.py").rename(inner / "show.py")
    (inner / "gateways.toml").write_text(
        f"[gateways]\napplication = 'show'\nfastcgi = 'unix:{directory}/s'\nenviron.COLOUR = 'red'\nthreads = 1\n"
    )
    program = Program(inner, GATEWAYS_ENVIRON="SHADE=dark")
    programs.append(program)
    program.until_serving()
    assert ask(f"unix:{directory}/s", "/?COLOUR") == f"red||False|{inner}"
    assert ask(f"unix:{directory}/s", "/?SHADE") == f"dark||False|{inner}"
    assert f"notice: settings are from {inner}/gateways.toml, in the working directory\n" in program.log
    assert program.stop() == 0


def test_a_file_in_another_directory(directory: Path, programs: list[Program]) -> None:
    inner = directory / "inner"
    inner.mkdir()
    (directory / "show.py").rename(inner / "show.py")
    (inner / "x.toml").write_text(
        "[pool.one]\napplication = 'show'\nscgi = 'unix:s'\n[pool.one.env]\nGREETING = 'hi'\n"
    )
    with (inner / "show.py").open("a") as file:
        file.write("assert os.environ['GREETING'] == 'hi'\n")
    program = Program(directory, "--config", "inner/x.toml")
    programs.append(program)
    program.until_serving()
    assert ask(f"unix:{inner}/s", "/", "scgi") == f"absent||True|{inner}"
    assert program.stop() == 0


def test_two_pools_of_one_file(directory: Path, programs: list[Program]) -> None:
    inner = directory / "inner"
    inner.mkdir()
    (inner / "show.py").write_text(SHOW.replace('environ["QUERY_STRING"], "absent"', '"none", os.environ["WHO"]'))
    (directory / "x.toml").write_text("""
[gateways]
application = "show"
workers = 1
access_log = "off"
env.WHO = "nobody"
[pool.one]
fastcgi = "unix:one"
[pool.two]
scgi = "unix:../two"
chdir = "inner"
env.WHO = "two"
threads = 1
""")
    program = Program(directory, "--config", "x.toml")
    programs.append(program)
    program.until_serving()
    assert ask(f"unix:{directory}/one", "/") == f"absent||True|{directory}"
    assert ask(f"unix:{directory}/two", "/", "scgi") == f"two||False|{inner}"
    assert program.stop() == 0, program.log


def test_a_plan_with_workers_is_for_the_manager(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    seen: list[Plan] = []
    monkeypatch.setattr("gateways.manager.launching.launch_plan", lambda plan: seen.append(plan) or 7)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(directory)
    assert serve.run(parse("app", "--scgi", ":1", "--workers", "2")) == 7
    Path("x.toml").write_text("".join(f"[pool.{n}]\napplication='a'\nscgi='@{n}'\nworkers=1\n" for n in "ab"))
    assert serve.run(parse("--config", "x.toml")) == 7
    assert [[pool.name for pool in plan.pools] for plan in seen] == [["app"], ["a", "b"]]
    assert seen[1].file == f"{directory}/x.toml"


def test_a_file_that_is_refused_is_2(directory: Path) -> None:
    (directory / "x.toml").write_text("[gateways]\nworrkers = 1\n")
    message = failure(directory, 2, "--config", "x.toml")
    assert message.startswith("x.toml, line 2: [gateways] worrkers is not known; did you mean workers?")


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--processes", "uWSGI's name; here it is --workers"),
        ("--reload-on-rss", "uWSGI's name; here it is --max-memory"),
        ("--bind", "gunicorn's name; here it is --http, --fastcgi or --scgi"),
        ("-w", "gunicorn's name; here it is --workers"),
        ("--pm.max_children", "php-fpm's name; here it is --workers"),
        ("--workes", ""),
        ("-z", ""),
    ],
)
def test_flags_of_other_programs(flag: str, text: str) -> None:
    assert serve.explain_flag(flag) == text


# Failing


def test_an_application_that_is_unknown_is_3(directory: Path) -> None:
    message = failure(directory, 3, "shw", "--fastcgi", f"unix:{directory}/socket")
    assert "there is no module 'shw'" in message
    assert message.endswith("did you mean 'show'?")
    assert not (directory / "socket").exists()


def test_an_import_error_is_3_and_one_line(directory: Path) -> None:
    (directory / "broken.py").write_text("\nimport absent_framework\n")
    message = failure(directory, 3, "broken", "--fastcgi", f"unix:{directory}/socket")
    assert f"{directory}/broken.py, line 2: No module named 'absent_framework'; install it for" in message


def test_the_traceback_of_an_import_error_is_in_the_log_file(directory: Path) -> None:
    (directory / "broken.py").write_text("\nimport absent_framework\n")
    failure(directory, 3, "broken", "--fastcgi", f"unix:{directory}/socket", "--error-log", "log")
    assert "Traceback (most recent call last):" in (directory / "log").read_text()


def test_an_address_in_use_is_4(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = f"127.0.0.1:{sock.getsockname()[1]}"
        assert "another process listens there" in failure(directory, 4, "show", "--fastcgi", address)


def test_a_missing_socket_directory_is_4(directory: Path) -> None:
    message = failure(directory, 4, "show", "--scgi", f"unix:{directory}/absent/socket")
    assert f"{directory}/absent" in message


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        ([], {}, "nothing to listen on: give --fastcgi ADDR or --scgi ADDR or --uwsgi ADDR"),
        (["--fastcgi", "nowhere"], {}, "flag --fastcgi: 'nowhere' is not an address"),
        ([], {"GATEWAYS_SCGI": "/a.sock"}, "environment variable GATEWAYS_SCGI: '/a.sock' is not an address"),
        (["--threads", "0"], {}, "flag --threads: '0' cannot be used, give a whole number from 1 to 10000"),
        (["--scgi", "unix:s", "--error-log", "absent/log"], {}, "/absent/log' cannot be opened: there is"),
        (["--scgi", "unix:s", "--access-log", "absent/log"], {}, "/absent/log' cannot be opened"),
        (["--scgi", "unix:s", "--access-log-format", "%y"], {}, "access_log_format: '%y' at character 1 is not known"),
        (["--scgi", "unix:s", "--chdir", "absent"], {}, "/absent': No such file or directory"),
        (["--scgi", "unix:s", "--python-path", "absent"], {}, "/absent': there is no such directory"),
        (["--scgi", "0.0.0.0:0"], {}, "with allowed_clients"),
        ([], {"GATEWAYS_PROTOCOL": "smtp"}, "GATEWAYS_PROTOCOL='smtp': give fastcgi or scgi or uwsgi"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_2(
    directory: Path, arguments: list[str], environ: dict[str, str], message: str
) -> None:
    assert message in failure(directory, 2, "show", *arguments, **environ)
