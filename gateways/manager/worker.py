"""What a worker does between its fork and its end: load, warm up, report, wait for the word, serve.

master                     worker
  Start  --- fork ------->   settle (user, directory, environment), hooks, load, warm up
         <-- ready -------
  Go     --- go --------->   accept and serve
  Stop   --- stop ------->   finish what is in hand
         <-- retiring ----   or: max_requests, max_memory
         <-- exit --------
"""

from __future__ import annotations

import os
from _thread import allocate_lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from gateways.errors import GatewayError
from gateways.hooks import Hooks, WorkerInfo
from gateways.manager.channel import LOGS
from gateways.manager.stacks import ASK, stacks_message
from gateways.manager.statusapp import StatusApplication
from gateways.manager.tether import Tether
from gateways.manager.titles import set_title
from gateways.manager.warmup import warm_up
from gateways.server import green
from gateways.server.changes import signature
from gateways.server.crew import open_gate
from gateways.server.interface import Interface
from gateways.server.opening import load_application
from gateways.server.renewal import make_renewal
from gateways.server.routes import with_routes
from gateways.server.slot import Phase
from gateways.server.watching import Watcher
from gateways.server.worker import Server

if TYPE_CHECKING:
    import socket

    from gateways.core.types import Application
    from gateways.manager.equipment import Equipment
    from gateways.server.slot import Slot

#: How long a worker goes on with the requests in hand when the master is gone, seconds.
ORPHAN_PATIENCE = 2.0


class ManagedServer(Server):
    """A server that tells the master when it has served for long enough: another starts while it finishes."""

    tether: Tether

    def retire(self, reason: str) -> None:
        """Say so, and stop."""
        if not self.stopping:
            self.tether.say({"event": "retiring", "reason": reason})
        super().retire(reason)


class Worker:
    """One worker, in its own process. ``run`` returns the exit code."""

    def __init__(
        self, equipment: Equipment, number: int, generation: int, channel: socket.socket, slot: Slot, nursery: bool
    ) -> None:
        self._equipment = equipment
        self._slot = slot
        self._info = WorkerInfo(equipment.name, number, generation, os.getpid(), nursery)
        self._told = allocate_lock()
        self._told.acquire()
        self._stop: str | None = None
        self._last = False
        self._server: ManagedServer | None = None
        self._watcher: Watcher | None = None
        self._interface = Interface(equipment.settings, equipment.error_log)
        self._tether = Tether(channel, self._on_line, self._on_gone, ORPHAN_PATIENCE)

    def run(self, application: Application | None = None, hooks: Hooks | None = None) -> int:
        """Live. ``application`` is there already when a nursery has loaded it."""
        self._slot.set_pid(os.getpid())
        info = self._info
        set_title(f"gateways: worker {info.number} of {info.pool}, generation {info.generation}")
        self._equipment.stacks.arm()
        # Before the first order is read, which may be to end: nobody could say whose process that was.
        self._tether.say({"event": "born", "pid": os.getpid()})
        self._tether.start()
        try:
            hooks, server = self._get_ready(application, hooks)
        except GatewayError as error:
            self._tether.say({"event": "failed", "reason": str(error)})
            return error.exit_code
        self._slot.phase = Phase.WAITING
        self._tether.say({"event": "ready"})
        self._told.acquire()
        code = 0
        if self._stop is None:
            code = server.run()
        self._interface.end(server.stopped_at or monotonic())
        hooks.exit(self._info, server.retired or self._stop or "the master is gone")
        return code

    def _get_ready(self, application: Application | None, hooks: Hooks | None) -> tuple[Hooks, Server]:
        equipment, settings = self._equipment, self._equipment.settings
        if settings.reload:
            self._watcher = Watcher(equipment.application, self._on_change, equipment.error_log)
        self._slot.phase = Phase.LOADING
        answer = settings.on_boot_error == "answer"
        if settings.reload and self._info.generation == 1:
            answer = settings.on_boot_error != "exit"  # there is no old one, and somebody is about to mend it
        if application is None or hooks is None:
            equipment.settle()
            hooks = Hooks.load(settings.hooks, equipment.error_log.error)
            hooks.boot(settings)
            application = load_application(equipment.source, settings, answer, equipment.error_log)
        elif settings.worker == "gevent":
            green.after_fork()
        hooks.post_fork(self._info)
        application = self._interface.adapt(application, answer)
        self._slot.phase = Phase.WARMING_UP
        warm_up(application, settings, equipment.error_log)
        kind = green.with_greenlets(ManagedServer) if settings.worker == "gevent" else ManagedServer
        server = self._server = kind(
            with_routes(hooks.wrap(application), settings, StatusApplication(equipment.board, equipment.name)),
            equipment.listeners,
            settings,
            equipment.error_log,
            equipment.access_log,
            managed=True,
            slot=self._slot,
            renewal=make_renewal(settings),
        )
        server.tether = self._tether
        if self._watcher is not None:
            self._watcher.start()
        hooks.ready(self._info)
        return hooks, server

    # In the watcher's thread

    def _on_change(self, file: str) -> None:
        # The time tells the master which changes are one: all workers see it.
        self._tether.say({"event": "changed", "file": file, "time": (signature(file) or (0,))[0]})

    # In the tether's thread

    def _on_line(self, line: str) -> None:
        order, _, reason = line.partition(" ")
        if order == ASK:
            self._tether.say(stacks_message())
            return
        if order == LOGS:
            descriptors, self._tether.descriptors = self._tether.descriptors, []
            self._equipment.adopt_logs(descriptors)
            return
        if order in ("stop", "last"):
            self._stop = reason or order
            if self._watcher is not None:
                self._watcher.stop()
            if self._server is not None:
                self._server.stop(last=order == "last")
            elif order == "stop":
                os._exit(0)  # still loading, with nothing in hand
        open_gate(self._told)

    def _on_gone(self) -> None:
        self._equipment.error_log.warning("the master is gone; stopping")
        if self._server is not None:
            self._server.stop()
        open_gate(self._told)


def work(equipment: Equipment, number: int, generation: int, channel: socket.socket, slot: Slot, **given: Any) -> int:
    """Run a worker in this process; ``given``: what a nursery has loaded. Returns the exit code."""
    worker = Worker(equipment, number, generation, channel, slot, nursery=bool(given))
    return worker.run(**given)
