"""What is written to a terminal, and what becomes of it afterwards."""

from __future__ import annotations

import io
import signal
import threading
import time

import pytest

from gateways.manager.screen import Screen


class Terminal(io.StringIO):
    encoding = "ascii"  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def size(monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("LINES", "4")


def test_each_text_goes_over_the_last_one():
    terminal = Terminal()
    with Screen(terminal) as screen:
        assert screen.width == 50
        screen.draw("one\ntwo\nthree\nfour\nfive\n")
        screen.draw("bl\N{LATIN SMALL LETTER O WITH DIAERESIS}g\n")
    assert terminal.getvalue() == (
        "\x1b[?25l\x1b[Hone\x1b[K\ntwo\x1b[K\nthree\x1b[K\n\x1b[J\x1b[Hbl\\xf6g\x1b[K\n\x1b[J\x1b[?25h"
    )


def test_the_cursor_is_given_back_after_an_error():
    terminal = Terminal()
    with pytest.raises(KeyboardInterrupt), Screen(terminal):
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith("\x1b[?25h")


def test_a_terminal_that_is_gone_is_no_error_of_its_own():
    class Gone(Terminal):
        def write(self, text: str) -> int:
            if text == "\x1b[?25h":
                raise OSError(5, "Input/output error")
            return super().write(text)

    with pytest.raises(ValueError, match="the first"), Screen(Gone()):
        raise ValueError("the first")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it(number):
    before = signal.getsignal(number)
    terminal = Terminal()
    with pytest.raises(SystemExit) as caught, Screen(terminal):
        signal.raise_signal(number)
    assert caught.value.code == 128 + number
    assert terminal.getvalue().endswith("\x1b[?25h")
    assert signal.getsignal(number) is before


def test_another_size_is_noticed_at_once():
    if not hasattr(signal, "sigtimedwait"):
        return
    before = time.monotonic()
    with Screen(Terminal()) as screen:
        timer = threading.Timer(0.1, signal.pthread_kill, [threading.main_thread().ident, signal.SIGWINCH])
        timer.start()
        screen.wait(600)
        timer.join()
    assert time.monotonic() - before < 600
