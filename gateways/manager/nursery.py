"""What a nursery does: load the application once, and fork workers from itself when the master asks for one.

Each worker is forked twice, so that its parent is gone and the master, which is a subreaper, becomes its parent: the
master reaps every worker, and learns at once how it ended. Orders come as packets of JSON with the worker's channel
attached; the end of the channel is the end of the nursery.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import warnings
from typing import TYPE_CHECKING

from gateways.errors import GatewayError
from gateways.hooks import Hooks, WorkerInfo
from gateways.manager.channel import MAX_DESCRIPTORS
from gateways.manager.process import fork
from gateways.manager.subreaper import end_with_parent
from gateways.manager.titles import set_title
from gateways.manager.worker import work
from gateways.server.opening import load_application

if TYPE_CHECKING:
    from gateways.core.types import Application
    from gateways.manager.equipment import Equipment

#: The system's, whatever replaces it when the application is loaded.
_Socket = socket.socket
#: The longest order, bytes.
MAX_ORDER = 4096


def nurse(equipment: Equipment, generation: int, channel: socket.socket, master: int) -> int:
    """Run a nursery in this process, until its channel or the process ``master`` ends. Returns the exit code."""
    settings = equipment.settings
    channel.setblocking(True)
    set_title(f"gateways: nursery of {equipment.name}, generation {generation}")
    try:
        equipment.settle()
        end_with_parent(master)  # while it loads, nothing else would tell that the master is gone
        hooks = Hooks.load(settings.hooks, equipment.error_log.error)
        hooks.boot(settings)
        answer = settings.on_boot_error == "answer"
        application = load_application(equipment.application, settings, answer, equipment.error_log)
    except GatewayError as error:
        _say(channel, {"event": "failed", "reason": str(error)})
        return error.exit_code
    # What was loaded is never garbage. Kept out of collections, its pages stay shared with the workers.
    gc.collect()
    gc.freeze()
    _say(channel, {"event": "ready"})
    while True:
        try:
            data, descriptors, _, _ = socket.recv_fds(channel, MAX_ORDER, MAX_DESCRIPTORS)
        except ConnectionResetError:  # the master has not read what we said
            return 0
        if not data:
            return 0
        order = json.loads(data)
        equipment.adopt_logs(descriptors[1:])
        with _Socket(fileno=descriptors[0]) as of_worker:
            try:
                _fork_worker(equipment, generation, order, (channel, of_worker), application, hooks)
            except OSError as error:
                _say(channel, {"event": "lost", "worker": order["worker"], "reason": f"fork: {error.strerror}"})
            except GatewayError as error:  # of a hook
                _say(channel, {"event": "lost", "worker": order["worker"], "reason": str(error)})


def _fork_worker(
    equipment: Equipment,
    generation: int,
    order: dict[str, int],
    channels: tuple[socket.socket, socket.socket],
    application: Application,
    hooks: Hooks,
) -> None:
    ours, of_worker = channels
    number = order["worker"]

    def live() -> int:
        slot = equipment.board.slot(order["slot"])
        return work(equipment, number, generation, of_worker, slot, application=application, hooks=hooks)

    def leave_behind() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            fork(live)
        return 0

    hooks.pre_fork(WorkerInfo(equipment.name, number, generation, 0, True))
    with warnings.catch_warnings():
        # Python 3.12 warns of threads that the application has started. They are not in the workers: the documentation
        # of preload says so, and locks that they hold are the application's to renew, in post_fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = fork(leave_behind, [ours.close])
    os.waitpid(child, 0)


def _say(channel: socket.socket, message: dict[str, object]) -> None:
    try:
        channel.send(json.dumps(message).encode()[:MAX_ORDER])
    except OSError:
        pass  # the master is gone: the next read says so
