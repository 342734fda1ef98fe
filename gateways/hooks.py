"""Hooks: functions of yours that are called at certain moments in the life of a worker.

    from gateways import hooks

    @hooks.post_fork
    def connect(worker):
        database.connect()

That is one way; the other is a module with functions of these names, and its name in the setting ``hooks``. They run in
the order boot, pre_fork, post_fork, ready, request, exit: docs/reference/hooks.md says when, where, and what becomes
of an error.
"""

from __future__ import annotations

import sys
from time import monotonic

from gateways.core.filewrapper import FileWrapper
from gateways.errors import BootError

TYPE_CHECKING = False  # an application that is a CGI script too pays for each import of this module
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType
    from typing import Any, Callable, TypeVar

    from gateways.core.types import Application, Environ, ExcInfo, Headers
    from gateways.settings import Settings

    Hook = Callable[..., Any]
    After = Callable[[str, float], object]
    F = TypeVar("F", bound=Callable[..., Any])

NAMES = ("boot", "pre_fork", "post_fork", "ready", "request", "exit")

#: A request hook that fails does so at each request: its log lines are so many seconds apart.
_LOG_INTERVAL = 60.0


class WorkerInfo:
    """What a hook is told of its worker.

    ``pool`` (its name), ``number`` (of the worker, never used again), ``generation`` (how often the application was
    loaded before, and once), ``pid`` (0 in ``pre_fork``), ``preloaded`` (whether it was forked from a process that had
    loaded the application).
    """

    __slots__ = ("generation", "number", "pid", "pool", "preloaded")

    def __init__(self, pool: str, number: int, generation: int, pid: int, preloaded: bool) -> None:
        self.pool = pool
        self.number = number
        self.generation = generation
        self.pid = pid
        self.preloaded = preloaded

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={getattr(self, name)!r}" for name in ("pool", *self.__slots__) if name != "pool")
        return f"WorkerInfo(pool={self.pool!r}, {given})"


# What an application registers while it is imported.

_registered: dict[str, list[Hook]] = {name: [] for name in NAMES}
#: Hooks whose moment has passed in this process, and that are called no more.
_passed: set[str] = set()


def boot(function: F) -> F:
    """Register ``function(settings)``: called before the application is loaded, so not from the application itself."""
    return _register("boot", function)


def pre_fork(function: F) -> F:
    """Register ``function(worker)``: with ``preload``, called before each fork in the process that has loaded."""
    return _register("pre_fork", function)


def post_fork(function: F) -> F:
    """Register ``function(worker)``: called in each worker after its fork, when the application is loaded."""
    return _register("post_fork", function)


def ready(function: F) -> F:
    """Register ``function(worker)``: called in each worker before it reports that it is ready."""
    return _register("ready", function)


def request(function: F) -> F:
    """Register ``function(environ)``: called before each request; may return ``after(status, seconds)``."""
    return _register("request", function)


def exit(function: F) -> F:
    """Register ``function(worker, reason)``: called in each worker that ends by itself or is stopped."""
    return _register("exit", function)


_DECORATORS: dict[str, Any] = {name: globals()[name] for name in NAMES}


def _register(name: str, function: F) -> F:
    if name in _passed:
        import warnings

        advice = "name its module in the setting hooks" if name == "boot" else "register it while the module is loaded"
        warnings.warn(f"hooks.{name}: this is too late, it will not be called; {advice}", RuntimeWarning, stacklevel=3)
    present = _registered[name]
    # A module that failed to load, and is tried again, makes its functions anew.
    present[:] = [other for other in present if not _is_same(other, function)]
    present.append(function)
    return function


def _is_same(one: Hook, other: Hook) -> bool:
    names = [(getattr(hook, "__module__", None), getattr(hook, "__qualname__", "<")) for hook in (one, other)]
    return one == other or (names[0] == names[1] and "<" not in names[0][1])


def _is_registered(function: Hook) -> bool:
    return any(function in functions for functions in _registered.values())


def _write_error(line: str) -> None:
    try:
        sys.stderr.write(f"gateways: {line}\n")
    except (OSError, ValueError, AttributeError):
        pass  # closed, or none


class Hooks:
    """The hooks of one process: those of the setting's module first, then those registered, in their order.

    ``log`` takes the lines about hooks that fail where that has no other consequence.
    """

    def __init__(self, module: ModuleType | None, log: Callable[[str], object]) -> None:
        self._module = module
        self._log = log
        self._failures = 0
        self._log_at = 0.0

    @classmethod
    def load(cls, name: str | None, log: Callable[[str], object] = _write_error) -> Hooks:
        """Import the module, or the file, that is called ``name``, if there is one.

        Raises ``BootError`` when it cannot be imported, or when something called like a hook is no function. A function
        that is nearly called like a hook is worth a line in the log.
        """
        if name is None:
            return cls(None, log)
        from gateways.loader import load_module

        module = load_module(name, "hooks")
        for hook in NAMES:
            found = getattr(module, hook, None)
            if found is not None and not callable(found):
                raise BootError(f"hooks {name!r}: {hook} is of type {type(found).__name__}, not a function")
        for slip, meant in _slips(module):
            log(f"hooks {name!r}: {slip} is no hook and is never called; did you mean {meant!r}?")
        return cls(module, log)

    def boot(self, settings: Settings) -> None:
        """Call the boot hooks. Raises ``BootError`` when one fails, and so do the next three."""
        self._call("boot", settings)
        _passed.add("boot")

    def pre_fork(self, worker: WorkerInfo) -> None:
        """Call the hooks before a fork."""
        self._call("pre_fork", worker)

    def post_fork(self, worker: WorkerInfo) -> None:
        """Call the hooks after a fork."""
        self._call("post_fork", worker)

    def ready(self, worker: WorkerInfo) -> None:
        """Call the hooks of a worker that is about to be ready."""
        self._call("ready", worker)

    def exit(self, worker: WorkerInfo, reason: str) -> None:
        """Call the hooks of a worker that ends. One that fails costs a line in the log, and the others are called."""
        for hook in self._hooks("exit"):
            try:
                hook(worker, reason)
            except (Exception, SystemExit) as error:
                self._log(f"hook exit: {_explain(error)}")

    def wrap(self, application: Application) -> Application:
        """Return the application with the request hooks around it; itself when there are none."""
        hooks = self._hooks("request")
        _passed.add("request")
        if not hooks:
            return application

        def hooked(environ: Environ, start_response: Any) -> Iterable[bytes]:
            started = monotonic()
            after: list[After] = []
            for hook in hooks:
                try:
                    follower = hook(environ)
                except Exception as error:
                    self._complain(error)
                else:
                    if follower is not None:
                        after.append(follower)
            if not after:
                return application(environ, start_response)
            return _Followed(self, after, started).run(application, environ, start_response)

        return hooked

    def _hooks(self, name: str) -> list[Hook]:
        own = getattr(self._module, name, None)
        registered = _registered[name]
        # A module may have the decorator itself under this name, or use it on its own function.
        if own is None or own is _DECORATORS[name] or own in registered:
            return list(registered)
        return [own, *registered]

    def _call(self, name: str, argument: object) -> None:
        for hook in self._hooks(name):
            try:
                hook(argument)
            except (Exception, SystemExit) as error:
                raise BootError(f"hook {name}: {_explain(error)}") from error

    def _complain(self, error: BaseException) -> None:
        """Log that a request hook has failed; the request goes on."""
        self._failures += 1
        now = monotonic()
        if now >= self._log_at:
            self._log_at = now + _LOG_INTERVAL
            times = f" ({self._failures} times since the last such line)" if self._failures > 1 else ""
            self._failures = 0
            self._log(f"hook request: {_explain(error)}{times}; requests are served without it")


class _Followed:
    """The response to a request that somebody wants to know the end of."""

    def __init__(self, hooks: Hooks, after: list[After], started: float) -> None:
        self._hooks = hooks
        self._after = after
        self._started = started
        self._status = ""
        self._result: Iterable[bytes] = ()
        self._close: Any = None

    def run(self, application: Application, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Call the application."""

        def start(status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Any:
            self._status = status
            return start_response(status, headers) if exc_info is None else start_response(status, headers, exc_info)

        try:
            result = self._result = application(environ, start)
        except BaseException:
            self._status = "500 Internal Server Error"
            self._tell()
            raise
        self._close = getattr(result, "close", None)
        if type(result) is FileWrapper:
            result.close = self.close  # type: ignore[method-assign]  # still one that is sent by sendfile
            return result
        if type(result) in (list, tuple) and all(type(block) is bytes for block in result):
            self._result = [b"".join(result)]  # so that its length is known as before
        return self

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._result)

    def __len__(self) -> int:
        return len(self._result)  # type: ignore[arg-type]  # without a length it has none either

    def close(self) -> None:
        """The response has ended."""
        try:
            if self._close is not None:
                self._close()
        finally:
            self._tell()

    def _tell(self) -> None:
        after, self._after = self._after, []
        seconds = monotonic() - self._started
        for call in after:
            try:
                call(self._status, seconds)
            except Exception as error:
                self._hooks._complain(error)


def _explain(error: BaseException) -> str:
    from gateways.loader import explain

    return explain(error)


def _slips(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Give functions of the module's own that are nearly called like a hook, and the hook that was meant."""
    from types import FunctionType

    from gateways.declared import nearest

    for name, value in list(vars(module).items()):
        own = isinstance(value, FunctionType) and value.__module__ == module.__name__
        if own and name not in NAMES and not name.startswith("_") and not _is_registered(value):
            meant = nearest(name, NAMES)
            if meant:
                yield name, meant
