"""gateways trace as a program: in front of a backend, in its place, and for a file of captures."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateways.cli import main
from gateways.errors import ConfigError
from gateways.trace.output import Output
from tests.support import wire
from tests.support.backends import Answering, scripted
from tests.support.corpus import CORPUS
from tests.support.serving import PATIENCE, connect

Capture = pytest.CaptureFixture[str]


@contextlib.contextmanager
def program(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``gateways trace`` until it says that it listens."""
    command = [sys.executable, "-m", "gateways", "trace", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("gateways trace: fastcgi on ")
            yield process
        finally:
            process.kill()


def ask(path: str) -> bytes:
    with connect(socket.AF_UNIX, path) as sock:
        sock.sendall(wire.request(wire.get((b"HTTP_COOKIE", b"a=geheim"))))
        return wire.RecordReader(sock).answer().body


def test_beside_the_backend(socket_dir: Path) -> None:
    with scripted(Answering()) as backend:
        arguments = ("--fastcgi", backend.address, "--listen", f"unix:{socket_dir}/trace.sock", "--json")
        with program(*arguments) as process:
            assert ask(f"{socket_dir}/trace.sock") == b"hello"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
        items = [json.loads(line) for line in out.splitlines()]
        assert [item["what"] for item in items][:3] == ["BEGIN_REQUEST", "PARAMS", "PARAMS"]
        assert ["HTTP_COOKIE", "a=****"] in items[2]["variables"]
        assert os.listdir(socket_dir) == []


def test_in_the_place_of_the_backend(socket_dir: Path) -> None:
    with scripted(Answering()) as backend:
        path = backend.address[5:]
        inode = os.stat(path).st_ino
        with program("--fastcgi", backend.address, "--take-over", "--write", f"{socket_dir}/file") as process:
            assert os.stat(path).st_ino != inode
            assert ask(path) == b"hello"
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
        assert "END_REQUEST" in out
        assert "geheim" not in out
        assert os.stat(path).st_ino == inode
        assert ask(path) == b"hello", "as before"
    done = subprocess.run(
        [sys.executable, "-m", "gateways", "trace", "--read", f"{socket_dir}/file", "--secrets"],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert "HTTP_COOKIE = a=geheim" in done.stdout
    # Who has closed first is no byte, and stands in no file. Times there are rounded once more.
    times = r"(?m)^(#[0-9]+ +)[0-9.]+"
    read = re.sub(times, r"\1", done.stdout.replace("geheim", "****"))
    assert read == re.sub(times, r"\1", re.sub("#1 .* closed\n", "", out))


def test_a_failed_start_leaves_all_as_it_was(socket_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(Answering()) as backend:
        path, inode = backend.address[5:], os.stat(backend.address[5:]).st_ino
        (socket_dir / "there").touch()
        with monkeypatch.context() as patch:
            patch.setattr("gateways.commands.trace.TakeOver", None)  # the socket is not even touched
            assert main(["trace", "--fastcgi", backend.address, "--take-over", "--write", f"{socket_dir}/there"]) == 2
        assert (socket_dir / "there").exists()
        assert os.stat(path).st_ino == inode
        assert ask(path) == b"hello"
        arguments = ["trace", "--fastcgi", backend.address, "--listen", backend.address]
        assert main([*arguments, "--write", f"{socket_dir}/new"]) == 2
        assert not (socket_dir / "new").exists()
        assert not os.path.lexists(f"{path}.behind-trace")


def test_what_a_failed_start_cannot_put_back_is_said(
    socket_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    with scripted(Answering()) as backend:

        def fail(*given: Any) -> Output:
            os.unlink(f"{backend.address[5:]}.behind-trace")
            raise ConfigError("no output")

        monkeypatch.setattr("gateways.commands.trace.Output", fail)
        arguments = ["trace", "--fastcgi", backend.address, "--take-over", "--write", f"{socket_dir}/file"]
        assert main(arguments) == 2
    problem, error = capsys.readouterr().err.splitlines()
    assert problem.startswith("gateways trace: cannot put ")
    assert problem.endswith("; restart the backend")
    assert error == "gateways: error: no output"
    assert not (socket_dir / "file").exists(), "or the next start would not overwrite it"


def test_a_signal_while_it_starts_leaves_all_as_it_was(socket_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as between taking the socket, and knowing how to put it back."""

    def interrupted(*given: Any) -> Output:
        signal.raise_signal(signal.SIGINT)
        return Output(*given)

    monkeypatch.setattr("gateways.commands.trace.Output", interrupted)
    with scripted(Answering()) as backend:
        path, inode = backend.address[5:], os.stat(backend.address[5:]).st_ino
        assert main(["trace", "--fastcgi", backend.address, "--take-over"]) == 0
        assert os.stat(path).st_ino == inode
        assert ask(path) == b"hello"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_standard_error_that_is_gone_leaves_all_as_it_was(socket_dir: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with scripted(Answering()) as backend, open(write, "wb") as nobody:
        path, inode = backend.address[5:], os.stat(backend.address[5:]).st_ino
        command = [sys.executable, "-m", "gateways", "trace", "--fastcgi", backend.address, "--take-over"]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=nobody, timeout=PATIENCE, check=False)
        assert done.returncode == 1
        assert os.stat(path).st_ino == inode
        assert ask(path) == b"hello"


def test_no_key_of_the_terminal_stops_the_site(socket_dir: Path) -> None:
    """Ctrl-Z would leave the web server waiting, and Ctrl-\\ a socket where nobody listens."""
    with scripted(Answering()) as backend:
        path, inode = backend.address[5:], os.stat(backend.address[5:]).st_ino
        with program("--fastcgi", backend.address, "--take-over") as process:
            process.send_signal(signal.SIGTSTP)
            assert ask(path) == b"hello"
            process.send_signal(signal.SIGQUIT)
            assert process.wait(PATIENCE) == 0
        assert os.stat(path).st_ino == inode
        assert ask(path) == b"hello"


def test_a_reader_that_stops_stops_neither_the_site_nor_the_end(socket_dir: Path) -> None:
    """As less(1) does, or Ctrl-S: nobody reads what is shown, and more is asked than a pipe holds."""
    with scripted(Answering()) as backend:
        path = backend.address[5:]
        with program("--fastcgi", backend.address, "--take-over", "--body", "60k") as process:
            for _ in range(100):
                assert ask(path) == b"hello"
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 1
            assert process.stderr is not None
            assert re.fullmatch(
                "gateways trace: [0-9]+ items were not shown: nobody reads them\n", process.stderr.read()
            )
        assert ask(path) == b"hello"
        assert not os.path.lexists(path + ".behind-trace")


def test_who_asks_while_it_ends_is_answered(socket_dir: Path) -> None:
    """The web server has connected, and the trace not accepted yet, when the trace is told to end."""
    with scripted(Answering()) as backend:
        path = backend.address[5:]
        with program("--fastcgi", backend.address, "--take-over") as process, contextlib.ExitStack() as stack:
            process.send_signal(signal.SIGSTOP)
            waiting = [stack.enter_context(connect(socket.AF_UNIX, path)) for _ in range(5)]
            for sock in waiting:
                sock.sendall(wire.request())
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGCONT)
            for sock in waiting:
                assert wire.RecordReader(sock).answer().body == b"hello"
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
        assert out.count("END_REQUEST") == 5


def test_a_capture_of_the_corpus(capsys: Capture) -> None:
    assert main(["trace", "--read", str(CORPUS / "nginx-fastcgi" / "root.captures")]) == 0
    assert "SERVER_SOFTWARE = nginx/1.22.1" in capsys.readouterr().out


def test_a_file_without_captures(tmp_path: Path, capsys: Capture) -> None:
    """Such as one of a trace that has seen no request."""
    (tmp_path / "file").touch()
    assert main(["trace", "--read", f"{tmp_path}/file"]) == 0
    assert capsys.readouterr() == ("", f"gateways trace: {tmp_path}/file: no captures in it\n")


def test_a_reader_that_has_seen_enough() -> None:
    command = [sys.executable, "-m", "gateways", "trace", "--read", str(CORPUS / "nginx-fastcgi" / "root.captures")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "which backend? Give --fastcgi ADDR"),
        (["--fastcgi", ":9"], 2, "Give --listen ADDR and point it there, or --take-over"),
        (["--fastcgi", ":9", "--take-over"], 2, "cannot be taken over|is none; use --listen"),
        (["--fastcgi", "unix:/none", "--take-over"], 2, "cannot take over unix:/none: No such file"),
        (["--fastcgi", "fd:0", "--listen", ":0"], 2, "which can only be listened on"),
        (["--fastcgi", ":9", "--listen", "unix:/none/such/x"], 4, "cannot listen on unix:/none/such/x"),
        (["--fastcgi", ":9", "--listen", "localhost:9"], 2, "localhost:9 is where the backend is; listen on another"),
        (["--fastcgi", "unix:/none/x", "--listen", "unix:/none/y/../x"], 2, "is where the backend is"),
        (["--fastcgi", ":9", "--listen", "0.0.0.0:0"], 2, "a trace is for this machine; listen on 127.0.0.1"),
        (["--read", "/none"], 2, "cannot read captures from /none"),
        (["--read", "/none", "--fastcgi", ":9"], 2, "it goes without a backend"),
        (["--read", "/none", "--take-over"], 2, "not allowed with argument"),
        (["--fastcgi", ":9", "--listen", ":0", "--write", "/none/x"], 2, "cannot write captures to /none/x"),
    ],
)
def test_what_cannot_be_done(capsys: Capture, arguments: list[str], status: int, message: str) -> None:
    assert main(["trace", *arguments]) == status
    err = capsys.readouterr().err
    assert any(part in err for part in message.split("|")), err
    assert err.count("\n") == 1
