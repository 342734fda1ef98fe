"""One pool: it tells its policy what happens, and does what the policy wants done."""

from __future__ import annotations

import socket
from time import monotonic
from typing import TYPE_CHECKING

from gateways.manager import moves
from gateways.manager.channel import LOGS, Channel, pair
from gateways.manager.inheritance import Inheritance
from gateways.manager.nurseries import Nursery
from gateways.manager.process import Process, fork
from gateways.manager.scoreboard import BoardFull
from gateways.manager.stacks import ASK
from gateways.manager.worker import work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gateways.manager.equipment import Equipment
    from gateways.manager.loop import Loop
    from gateways.manager.policy import Policy
    from gateways.manager.slowlog import Dumps

    Outcome = Callable[[int, str], object]
    Shed = Callable[["Pool"], Iterable[Callable[[], object]]]


class Pool:
    """The workers of one application.

    ``loop`` is the master's, ``dumps`` takes stacks for the slow log, ``shed`` gives what a child of it must let go of.
    ``over`` is true when a stop has ended, ``gave_up`` says why the pool cannot live.
    """

    #: What tells a worker to stop and to serve who waits at its listeners, as nobody else will.
    _last_word = "last"

    def __init__(self, equipment: Equipment, policy: Policy, loop: Loop, dumps: Dumps, shed: Shed) -> None:
        self.equipment = equipment
        self.name = equipment.name
        self.policy = policy
        self.processes: dict[int, Process] = {}
        self.nurseries: dict[int, Nursery] = {}
        self.over = False
        self.gave_up = ""
        # Who waits for the reload that goes on, and for the one after it: called with generation and failure, or "".
        self._followers: list[Outcome] = []
        self._next_followers: list[Outcome] = []
        #: Called with file and time when a worker sees that a file has changed (setting reload).
        self.on_changed: Callable[[str, int], object] = lambda file, time: None
        self.inheritance = Inheritance()
        self._loop = loop
        self._dumps = dumps
        self._shed = shed
        self._log = equipment.error_log
        self._stopping = False

    # What happens

    def begin(self, now: float) -> None:
        """Start the first workers."""
        self._do(self.policy.begin(now), now)
        for number in self.inheritance.leaving:
            self.tell(moves.Retiring(number, "an earlier master has told it to stop"), now)

    def adopt(self, process: Process, leaving: bool, now: float) -> None:
        """Take over the worker of an earlier master, before ``begin``. ``leaving``: it accepts no more already."""
        self.processes[process.number] = process
        self.inheritance.adopted.add(process.number)
        self._listen_to(process)
        self.policy.adopt(process.number, now)
        if leaving:
            self.inheritance.leaving.append(process.number)

    def follow(self, follower: Outcome) -> None:
        """Have ``follower`` told how the reload ends that goes on."""
        self._followers.append(follower)

    def reload(self, why: str, now: float, follower: Outcome | None = None) -> None:
        """Start a new generation; ``follower`` is told how it ended, with the failure or ""."""
        if follower is not None:
            # One that boots already may have read the old files: that is followed by another, and so is its outcome.
            # The first generation of all is no reload: nobody is told of its end.
            state = self.policy.reload_state
            booting = state.state == "booting" and state.why
            (self._next_followers if booting else self._followers).append(follower)
        self.tell(moves.ReloadAsked(why), now)

    def stop(self, now: float) -> None:
        """Finish what is in hand and in the backlog, and end."""
        if not self._stopping:
            self._stopping = True
            for listener in self.equipment.listeners:
                listener.remove_file()
            self.inheritance.release()
            self.tell(moves.StopAsked(), now)

    def tell(self, event: moves.Event, now: float) -> None:
        """Let the policy know, and do what it answers."""
        self._do(self.policy.handle(event, now), now)

    def tick(self, now: float, sights: Mapping[int, moves.Sight]) -> None:
        """Look at the workers: ``sights`` by their numbers."""
        self._do(self.policy.tick(now, sights), now)
        for listener in self.equipment.listeners:
            if self.policy.watches_backlog and not self.over:
                self._loop.watch(listener.fileno(), self._on_backlog)
            else:
                self._loop.unwatch(listener.fileno())

    def _on_backlog(self, events: int) -> None:
        self.tell(moves.Waiting(), monotonic())

    def resize(self, delta: int, now: float) -> None:
        """One worker more or less."""
        self._do(self.policy.resize(delta, now), now)

    def _listen_to(self, process: Process) -> None:
        self._loop.watch(process.channel.fileno(), lambda events: self.on_channel(process, monotonic()))

    def on_channel(self, process: Process, now: float) -> None:
        """Take in what a worker says."""
        for message in process.channel.read():
            event = message.get("event")
            if event == "born":
                # Whom a nursery has forked the kernel tells, and where it does not, only the process itself.
                process.pid = process.pid or process.channel.peer or _number(message.get("pid"))
            elif event == "ready":
                self.tell(moves.Ready(process.number), now)
            elif event == "failed":
                self.tell(moves.Failed(process.number, str(message.get("reason"))), now)
            elif event == "retiring":
                self.tell(moves.Retiring(process.number, str(message.get("reason"))), now)
            elif event == "tether":
                process.tether = _number(message.get("thread"))
            elif event == ASK:
                self._dumps.answered(process, message)
            elif event == "changed":
                self.on_changed(str(message["file"]), int(message["time"]))
        if process.channel.ended:
            self._loop.unwatch(process.channel.fileno())
            nursery = self.nurseries.get(process.generation)
            if not process.pid and nursery is not None:
                self.on_nursery(nursery, now)  # it says why, if it did not fork at all
            if not process.pid and process.number in self.processes:
                # Forked by a nursery, and ended before its first word: nobody knows whose exit status is its.
                self.on_exit(process, "it ended before it said which process it is", now)

    def on_nursery(self, nursery: Nursery, now: float) -> None:
        """Take in what a nursery says."""
        for number, reason in nursery.read():
            self.tell(moves.Failed(number, reason), now)
            process = self.processes.get(number)
            if process is not None:
                self.on_exit(process, reason, now)
        if nursery.ended:
            self._loop.unwatch(nursery.channel.fileno())

    def on_exit(self, process: Process, how: str, now: float) -> None:
        """A worker has ended, and was reaped."""
        del self.processes[process.number]
        self.on_channel(process, now)  # its last words
        self._loop.unwatch(process.channel.fileno())
        process.channel.close()
        if process.slot is not None:
            self.equipment.board.release(process.slot)
        self._dumps.forget(process)
        self.tell(moves.Exited(process.number, process.killed or how), now)
        self._end_nurseries()

    def on_nursery_exit(self, nursery: Nursery, now: float) -> None:
        """A nursery has ended. The next worker of its generation gets a new one."""
        nursery.pid = 0
        self.on_nursery(nursery, now)
        if self.nurseries.get(nursery.generation) is nursery:
            del self.nurseries[nursery.generation]
            self._end_nursery(nursery)

    def serving(self) -> int:
        """Return how many workers there are of the generation that serves, without those that only finish."""
        return sum(process.generation == self.policy.generation for process in self.processes.values())

    def is_settled(self) -> bool:
        """Say whether its workers serve, and no reload is going on."""
        serves = self.policy.up or not self.inheritance.adopted.isdisjoint(self.processes)
        return serves and self.policy.reload_state.state != "booting"

    # What is to be done

    def _do(self, actions: Iterable[moves.Action], now: float) -> None:
        for action in actions:
            self._do_one(action, now)

    def _do_one(self, action: moves.Action, now: float) -> None:
        if isinstance(action, moves.Start):
            self._start(action.worker, action.generation, now)
        elif isinstance(action, moves.Say):
            getattr(self._log, action.level)(f"{self.name}: {action.text}")
        elif isinstance(action, moves.Reloaded):
            self._conclude(action.generation, action.failure)
        elif isinstance(action, moves.GiveUp):
            self.gave_up = action.reason
        elif isinstance(action, moves.Finished):
            self.over = True
            self._end_nurseries()
        else:
            self._do_with_worker(action)

    def _do_with_worker(self, action: moves.Go | moves.Stop | moves.Kill | moves.Dump) -> None:
        process = self.processes.get(action.worker)
        if process is None:
            return  # it has ended in this moment, and the policy is about to hear of it
        if isinstance(action, moves.Go):
            process.channel.tell("go")
        elif isinstance(action, moves.Stop):
            word = self._last_word if action.last else "stop"
            self.inheritance.dismiss(process, f"{word} {action.reason}", monotonic())
        elif isinstance(action, moves.Dump):
            log = self.equipment.slow_log
            self._dumps.ask(self.name, log, process, action.number, action.seconds, monotonic())
        else:
            reason = action.reason
            self._dumps.then(process, lambda: self._kill_for(process, reason), monotonic())

    def _start(self, number: int, generation: int, now: float) -> None:
        try:
            process, theirs = self._prepare(number, generation)
        except (OSError, BoardFull) as error:
            self._fail(number, f"no worker can be started: {error}", now)
            return
        self.processes[number] = process
        self._listen_to(process)
        if self.equipment.settings.preload:
            self._order(process, theirs, now)
            return
        slot = process.slot
        assert slot is not None
        close = self._shed(self)
        try:
            process.pid = fork(lambda: work(self.equipment, number, generation, theirs, slot), close)
        except OSError as error:
            self._fail(number, f"no worker can be started: fork: {error.strerror}", now)
        finally:
            theirs.close()

    def _prepare(self, number: int, generation: int) -> tuple[Process, socket.socket]:
        slot = self.equipment.board.claim(self.name, number, generation)
        try:
            ours, theirs = pair()
        except OSError:
            self.equipment.board.release(slot)
            raise
        return Process(number, generation, Channel(ours, self.complaints_of(number)), slot), theirs

    def complaints_of(self, number: int) -> Callable[[str], None]:
        """Return what logs a complaint about what a worker says."""
        return lambda text: self._log.warning(f"{self.name}: worker {number}: {text}")

    def _order(self, process: Process, theirs: socket.socket, now: float) -> None:
        """Let the nursery of its generation fork a worker; make that nursery first, if need be."""
        nursery = self.nurseries.get(process.generation)
        try:
            if nursery is None:
                close = [*self._shed(self), theirs.close]
                nursery = Nursery(self.equipment, process.generation, close)
                self.nurseries[process.generation] = nursery
                self._listen_to_nursery(nursery)
        except OSError as error:
            theirs.close()
            self._fail(process.number, f"no nursery can be started: fork: {error.strerror}", now)
            return
        assert process.slot is not None
        nursery.order(process.number, process.slot.index, theirs)

    def _listen_to_nursery(self, nursery: Nursery) -> None:
        self._loop.watch(nursery.channel.fileno(), lambda events: self.on_nursery(nursery, monotonic()))

    def _end_nursery(self, nursery: Nursery) -> None:
        self._loop.unwatch(nursery.channel.fileno())
        nursery.end()

    def _fail(self, number: int, reason: str, now: float) -> None:
        """A worker that never came to be."""
        self.tell(moves.Failed(number, reason), now)
        process = self.processes.get(number)
        if process is None:
            self.tell(moves.Exited(number, reason), now)
        else:
            self.on_exit(process, reason, now)

    def _conclude(self, generation: int, failure: str) -> None:
        if failure:
            self._log.error(f"{self.name}: reload failed, generation {generation} serves on: {failure}")
        else:
            self._log.notice(f"{self.name}: reloaded, generation {generation} serves")
        followers, self._followers, self._next_followers = self._followers, self._next_followers, []
        for follower in followers:
            follower(generation, failure)
        self._end_nurseries()

    def _end_nurseries(self) -> None:
        """Let go of the nurseries of which no generation has need."""
        needed: set[int | None] = {process.generation for process in self.processes.values() if not process.pid}
        if not self.over:
            needed |= {self.policy.generation, self.policy.trial}
        for generation in self.nurseries.keys() - needed:
            self._end_nursery(self.nurseries.pop(generation))

    # Signals and the end

    def hand_out_logs(self) -> None:
        """Let the workers write to the logs that were opened anew. They could not do so as another user than root."""
        for process in list(self.processes.values()):
            process.channel.tell(LOGS, self.equipment.logs())

    def kill(self, reason: str) -> None:
        """Kill all workers."""
        for process in list(self.processes.values()):
            self._kill(process, reason)

    def _kill_for(self, process: Process, reason: str) -> None:
        """Kill a worker for what it did, which the operator has to know."""
        self._log.error(f"{self.name}: worker {process.number}, process {process.pid}, is killed: {reason}")
        self._kill(process, reason)

    def _kill(self, process: Process, reason: str) -> None:
        if process.kill():
            process.killed = f"killed: {reason}"

    def close_in_child(self, ours: bool) -> Iterable[Callable[[], object]]:
        """Give what a child of the master has no use for; ``ours``: it will be a worker of this pool."""
        yield from self.inheritance.closers()
        if not ours:
            for listener in self.equipment.listeners:
                yield listener.sock.close
        for nursery in self.nurseries.values():
            yield from nursery.closers()


def _number(value: object) -> int:
    """Return a process or thread id that a worker has told, or 0: what it says may be anything."""
    return value if isinstance(value, int) and value > 1 else 0
