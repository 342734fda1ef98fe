"""A real browser, Chromium without a window, steered by its own protocol (DevTools) through two pipes.

with browsing() as browser:
    browser.open("http://127.0.0.1:8000/")
    assert browser.evaluate("document.title") == "Hello"
    assert browser.complaints == []
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.requirements import require_program
from tests.support.serving import PATIENCE

#: How long the browser may take for one answer, seconds: its start on a busy machine is the slowest.
_SLOW = 2 * PATIENCE
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # it cannot have one as root, and sees no page but ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--remote-debugging-pipe",
)
#: It wants its pipes as descriptors 3 and 4, which may be others' here.
_START = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3]]
for fd, wanted in zip(pipes, (3, 4)):
    os.dup2(fd, wanted)
    os.close(fd)
os.execv(sys.argv[3], sys.argv[3:])
"""


class ScriptError(Exception):
    """The page, or the browser, could not do what it was told."""


class Browser:
    """One page. ``complaints`` is whatever it has written to the console, and what its policy forbade."""

    def __init__(self, commands: int, answers: int) -> None:
        self.complaints: list[str] = []
        self._commands = commands
        self._answers = answers
        self._received = b""
        self._number = 0
        self._session = ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is loaded."""
        frame = self._call("Page.navigate", url=url)
        assert "errorText" not in frame, frame["errorText"]
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        result = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise ScriptError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait for an expression to be true, and return it. Until then it may fail: a page may be half loaded."""
        deadline = time.monotonic() + _SLOW
        while time.monotonic() < deadline:
            with contextlib.suppress(ScriptError):
                value = self.evaluate(script)
                if value:
                    return value
            time.sleep(0.05)
        raise AssertionError(f"waited in vain for {script}; the page has:\n{self.text()}")

    def text(self, selector: str = "body") -> str:
        """Return what a person reads in an element."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def prefer(self, scheme: str) -> None:
        """Be used by somebody who likes ``dark`` or ``light``."""
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def resize(self, width: int, height: int) -> None:
        """Be a window of this size, in pixels; a narrow one is a phone's."""
        mobile = width < 500
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def allow_scripts(self, allowed: bool) -> None:
        """Run the scripts of pages that are opened from now on, or do not."""
        self._call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def screenshot(self, path: Path) -> None:
        """Save what is seen as PNG."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise ScriptError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self._note(answer)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            piece = os.read(self._answers, 1 << 16)
            assert piece, "the browser has ended"
            self._received += piece
        message, _, self._received = self._received.partition(b"\0")
        return dict(json.loads(message))

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event["method"] == "Log.entryAdded":
            self.complaints.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
        elif event["method"] == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"]))
        elif event["method"] == "Runtime.consoleAPICalled":
            self.complaints.append(str(parameters["args"]))


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """Run a browser; at the end it is gone, and so are its files."""
    program = require_program("chromium")
    with contextlib.ExitStack() as stack:
        profile = stack.enter_context(tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True))
        commands_out, commands_in = os.pipe()
        answers_out, answers_in = os.pipe()
        for fd in (commands_in, answers_out):
            stack.callback(os.close, fd)
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                _START,
                str(commands_out),
                str(answers_in),
                program,
                f"--user-data-dir={profile}",
                *_FLAGS,
                "about:blank",
            ],
            pass_fds=(commands_out, answers_in),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": profile},
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        os.close(commands_out)
        os.close(answers_in)
        yield Browser(commands_in, answers_out)
