"""The lifespan of an application (ASGI lifespan specification 2.0): its startup before the first request, its shutdown
after the last one, in the loop that serves the requests in between.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gateways.errors import BootError
from gateways.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Callable

#: Characters of an application's own words in one line.
_MAX_REASON = 300


class Lifespan:
    """All methods run in the loop. ``state`` is None where the application has no lifespan."""

    def __init__(self, application: Any, log: Callable[[str], object]) -> None:
        self.state: dict[str, Any] | None = None
        self._application = application
        self._log = log
        self._asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answered: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Have the application start up. Raises ``BootError`` when it says that it cannot.

        One that raises or returns instead of answering has no lifespan, and is served without.
        """
        state: dict[str, Any] = {}
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        self._task = asyncio.get_running_loop().create_task(self._run(scope))
        answer = await self._ask("lifespan.startup")
        if answer is None:
            self._task = None
        elif answer["type"] == "lifespan.startup.failed":
            await self._task
            raise BootError(f"the application's startup (lifespan) failed{self._reason(answer)}")
        else:
            self.state = state

    async def stop(self) -> None:
        """Have the application shut down; a failure is a line in the log."""
        if self._task is None or self._task.done():
            return
        answer = await self._ask("lifespan.shutdown")
        if answer is not None and answer["type"] == "lifespan.shutdown.failed":
            self._log(f"the application's shutdown (lifespan) failed{self._reason(answer)}")

    async def _ask(self, kind: str) -> dict[str, Any] | None:
        """Send an event; return the answer to it, None when the application has ended without one."""
        task = self._task
        assert task is not None
        self._asked.put_nowait({"type": kind})
        answer = asyncio.ensure_future(self._answered.get())
        try:
            await asyncio.wait({task, answer}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # it may have answered and ended at once
            return answer.result() if answer.done() else None
        finally:
            answer.cancel()

    async def _run(self, scope: dict[str, Any]) -> None:
        async def send(message: dict[str, Any]) -> None:
            self._answered.put_nowait(message)

        try:
            await self._application(scope, self._asked.get, send)
        except (Exception, SystemExit) as error:
            if self.state is not None:  # it has started
                self._log(f"the application's lifespan ended with {type(error).__name__}: {_one_line(str(error))}")

    def _reason(self, answer: dict[str, Any]) -> str:
        """Return the last line of what the application says, which is often a traceback; all of it goes to the log."""
        text = str(answer.get("message", "")).strip()
        lines = text.splitlines()
        if len(lines) > 1:
            for line in lines:
                self._log(line)
        return f": {_one_line(lines[-1])}" if lines else ""


def _one_line(text: str) -> str:
    return escape(" ".join(text.split())[:_MAX_REASON])
