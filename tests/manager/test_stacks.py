"""What a worker says of its threads."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from gateways.manager import stacks
from gateways.manager.channel import MAX_LINE
from gateways.manager.stacks import ASK, MAX_TEXT, SIGNAL, StackFile, describe_stacks, stacks_message
from tests.support import wire
from tests.support.children import child
from tests.support.serving import serving, until


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def file() -> Iterator[StackFile]:
    file = StackFile()
    yield file
    file.close()


@pytest.fixture
def begin(gate: threading.Event) -> Iterator[Callable[..., threading.Thread]]:
    """Start a thread, and wait for it at the end."""
    threads: list[threading.Thread] = []

    def begin(target: Callable[[], object], name: str = "of the application") -> threading.Thread:
        thread = threading.Thread(target=target, name=name)
        threads.append(thread)
        thread.start()
        return thread

    yield begin
    gate.set()
    for thread in threads:
        thread.join()


def part_of(title: str) -> str:
    """Return what is said of the thread whose title has ``title``."""
    [part] = [part for part in describe_stacks().split("\n\n") if title in part.partition("\n")[0]]
    return part


# In the process


def test_a_thread_of_the_application_is_shown_whole_and_with_its_name(
    gate: threading.Event, begin: Callable[..., threading.Thread]
) -> None:
    def send_metrics() -> None:
        gate.wait()

    thread = begin(send_metrics)
    until(lambda: "in send_metrics" in describe_stacks())
    lines = part_of("of the application").split("\n")
    assert lines[0] == f"Thread {thread.ident:#018x} [of the application] (most recent call first):"
    assert any(re.fullmatch(rf'  File "{re.escape(__file__)}", line \d+ in send_metrics', line) for line in lines)
    assert lines[-1].endswith("in _bootstrap")


def test_the_thread_that_asks_is_left_out() -> None:
    assert "test_the_thread_that_asks" not in describe_stacks()


@pytest.mark.parametrize("threads", [1, 4])
def test_a_request_comes_first_and_is_shown_without_what_is_ours(gate: threading.Event, threads: int) -> None:
    def view() -> None:
        gate.wait()

    def application(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/wait":
            view()
        start_response("200 OK", [])
        return [b"x"]

    with serving(application, threads=threads) as served:
        asking = threading.Thread(
            target=served.request, args=(((b"REQUEST_METHOD", b"GET"), (b"PATH_INFO", b"/wait")),)
        )
        asking.start()
        until(lambda: "in view" in describe_stacks())
        first = describe_stacks().split("\n\n")[0].split("\n")  # of all that serve there is one in a request
        assert "which serves a request (most recent call first):" in first[0]
        assert first[-2].endswith("in view")
        assert first[-1].endswith("in application")
        assert describe_stacks().count("which serves a request") == 1
        last = describe_stacks().split("\n\n")[-1]
        assert last.startswith("Threads of gateways that wait: ")
        assert "gateways-stop" in last
        gate.set()
        asking.join()
        until(lambda: "which serves a request" not in describe_stacks())


def test_a_client_that_does_not_read_is_shown_as_ours() -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [bytes(8_000_000)]

    with serving(application, threads=1) as served:
        with served.connect(receive_buffer=2048) as sock:
            wire.send_all(sock, wire.request(wire.GET))

            def is_shown() -> bool:
                first = describe_stacks().split("\n\n")[0]
                return "which serves a request" in first and "gateways/server/" in first

            until(is_shown)  # and not the application, which has been in hand before
        until(lambda: "which serves a request" not in describe_stacks())


def test_a_deep_stack_has_an_end(gate: threading.Event, begin: Callable[..., threading.Thread]) -> None:
    inside = threading.Event()

    def recurse(depth: int) -> None:
        if depth:
            recurse(depth - 1)
        else:
            inside.set()
            gate.wait()

    begin(lambda: recurse(300), "deep")
    inside.wait()
    assert part_of("[deep]").count("\n") == stacks.MAX_FRAMES + 1
    assert part_of("[deep]").endswith("\n  ...")


def test_many_threads_have_an_end(gate: threading.Event, begin: Callable[..., threading.Thread]) -> None:
    for _ in range(120):
        begin(gate.wait)
    text = describe_stacks()
    assert text.count("most recent call first") == stacks.MAX_THREADS
    assert re.search(r"\n\n\.\.\. and \d+ threads more", text)
    assert len(stacks_message()["text"]) == MAX_TEXT


def test_odd_names_fit_in_a_line_of_the_channel(gate: threading.Event, begin: Callable[..., threading.Thread]) -> None:
    for _ in range(90):
        begin(gate.wait, "\U0001f40d\udcff" * 300)
    message = stacks_message()
    assert message["event"] == ASK
    assert 20000 < len(json.dumps(message)) < MAX_LINE


# By the signal


def test_L18_a_process_that_is_not_armed_ignores_the_signal() -> None:
    with child(signal.pause) as process:
        process.signal(SIGNAL)
        process.signal(SIGNAL)
        assert not process.ended()
        process.signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM


def test_each_process_writes_from_the_beginning(file: StackFile) -> None:
    ready, told = os.pipe()
    going, go = os.pipe()

    def first() -> None:
        file.arm()
        os.write(told, b"x")
        os.read(going, 1)  # written after the signal was sent: whoever has read it has written the stacks, all of them
        os.write(told, b"x")
        signal.pause()

    def second() -> None:
        first()

    for main in (first, second, first):
        with child(main) as process:
            os.read(ready, 1)
            file.clear()
            assert file.size() == 0
            process.signal(SIGNAL)
            os.write(go, b"x")
            os.read(ready, 1)
            assert "in child" in file.read()
            assert ("in second" in file.read()) == (main is second)
            assert file.size() == len(file.read())
    for end in (ready, told, going, go):
        os.close(end)


def test_the_file_is_not_for_programs_that_are_run(file: StackFile) -> None:
    assert not os.get_inheritable(file._fd)


def test_without_memfd_it_is_a_file_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    file = StackFile()
    assert os.fstat(file._fd).st_nlink == 0
    assert not os.get_inheritable(file._fd)
    os.write(file._fd, b"text")
    assert file.read() == "text"
    file.clear()
    assert file.read() == ""
    file.close()
