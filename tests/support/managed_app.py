"""An application for tests of the process manager: its path says what it does.

    /pid                  the worker's process id, as every path that says nothing else
    /loaded               the process id where this module was loaded
    /sleep/S              sleeps for S seconds
    /begin/NAME/S         the same, but first writes the process id to the file NAME in the directory MANAGED_BY_TEST
    /stay/NAME            writes the file NAME like /begin, and goes on when that is gone
    /clutch/NAME          the same, in C, and lets no other thread of the interpreter run
    /spin/S               computes for S seconds, in Python
    /hold/S               sleeps in C for S seconds and lets no other thread of the interpreter run
    /lock                 waits for a lock that nobody gives back
    /deaf/S               from now on the process ignores SIGTERM; sleeps for S seconds
    /exit/N /abort /segfault /kill     end the process
    /raise                raises LookupError
    /fork                 leaves a child that sleeps for a minute; answers its process id
    /spawn                runs a program and waits for it; answers its exit status
    /multiprocess         has a process of multiprocessing compute; answers its result
    /memory/MIB           keeps so much memory from now on
    /upload               reads the body; answers its size and SHA-256
    /count                reads the body; answers its size
    /download/MIB         answers so much in blocks of 64 KiB
    /stream/N             answers N blocks, a tenth of a second apart
    /counted/N            answers N blocks of 1000 bytes, and is counted
    /counts               how many of them have begun in this process, and how many were closed
    /environ/NAME         the variable of the process
    /who                  user id, group id, all groups, umask, working directory
    /threads /fds /objects     how many this process has: Python threads, descriptors, objects of the collector
    /log/TEXT             writes TEXT to wsgi.errors

At import it does what the file named by the variable AT_BOOT says, one word or two: ``fail`` raises ImportError,
``exit N`` ends the process, ``crash`` kills it a tenth of a second later, ``sleep S`` takes its time, ``threads N``
starts so many busy threads, ``deaf`` ignores SIGTERM.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import logging
import multiprocessing
import os
import resource
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Callable

AT_BOOT = "MANAGED_APP_AT_BOOT"
DIRECTORY = "MANAGED_BY_TEST"
BLOCK = bytes(range(256)) * 256

_loaded_by = os.getpid()
_kept: list[bytearray] = []
_lock = threading.Lock()


def _busy() -> None:
    while True:
        logging.getLogger("managed_app").debug("a busy thread takes the locks of logging")
        time.sleep(0.0005)


def _boot() -> None:
    name = os.environ.get(AT_BOOT)
    words = Path(name).read_text(encoding="ascii").split() if name else []
    if not words:
        return
    action, number = words[0], float(words[1]) if words[1:] else 0.0
    if action == "fail":
        raise ImportError("asked to fail at boot")
    if action == "exit":
        os._exit(int(number))
    if action == "sleep":
        time.sleep(number)
    if action == "deaf":
        _ignore_term()
    if action == "crash":
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    if action == "threads":
        for _ in range(int(number)):
            threading.Thread(target=_busy, daemon=True).start()


def _ignore_term() -> None:
    """What ``signal.signal`` does, but in any thread."""
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    libc.signal(signal.SIGTERM, 1)


def _begin(name: str, seconds: str) -> None:
    path = Path(os.environ[DIRECTORY], name)
    path.with_suffix(".new").write_text(str(os.getpid()), encoding="ascii")
    path.with_suffix(".new").rename(path)
    time.sleep(float(seconds))


def _stay(name: str) -> None:
    _begin(name, "0")
    while Path(os.environ[DIRECTORY], name).exists():
        time.sleep(0.01)


def _clutch(name: str) -> None:
    """The shell writes the file: whoever sees it knows that the interpreter is held."""
    path = shlex.quote(os.path.join(os.environ[DIRECTORY], name))
    command = f"echo {os.getpid()} >{path}.new; mv {path}.new {path}; while test -e {path}; do sleep 0.05; done"
    ctypes.PyDLL(None).system(command.encode())  # unlike CDLL, it keeps the interpreter's lock


def _spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def _hold(seconds: float) -> None:
    """Lock a mutex twice: unlike a sleep, that goes on after a signal."""
    libc = ctypes.PyDLL(None)  # unlike CDLL, it keeps the interpreter's lock
    mutex = ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_timedlock(mutex, (ctypes.c_long * 2)(int(time.time() + seconds), 0))


def _deaf(seconds: float) -> None:
    _ignore_term()
    time.sleep(seconds)


def _wait_for_lock() -> None:
    with _lock, _lock:
        pass


def _fork() -> int:
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    return child


def _square(number: int) -> int:
    return number * number


def _multiprocess() -> int:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(_square, (7,))


def _who() -> str:
    mask = os.umask(0)
    os.umask(mask)
    return f"{os.getuid()} {os.getgid()} {sorted(os.getgroups())} {mask:03o} {os.getcwd()}"


def _keep(mebibytes: str) -> int:
    _kept.append(bytearray(b"x" * (int(mebibytes) << 20)))
    return len(_kept)


def _read(environ: dict[str, Any], hashed: bool) -> str:
    digest, size = hashlib.sha256(), 0
    while data := environ["wsgi.input"].read(65536):
        if hashed:
            digest.update(data)
        size += len(data)
    return f"{size} {digest.hexdigest()}" if hashed else str(size)


def _stream(count: int) -> Iterator[bytes]:
    for number in range(count):
        if number:
            time.sleep(0.1)
        yield b"%d\n" % number


class Counted:
    """Blocks that know how many of their kind have begun, and how many were closed."""

    begun = 0
    closed = 0

    def __init__(self, count: int) -> None:
        Counted.begun += 1
        self._left = count

    def __iter__(self) -> Counted:
        return self

    def __next__(self) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise StopIteration
        return b"x" * 1000

    def close(self) -> None:
        Counted.closed += 1


def _blocks(mebibytes: int) -> Iterator[bytes]:
    for _ in range(mebibytes * 16):
        yield BLOCK


#: What is done before the answer, which is the process id unless there is a result. The rest of the path is given.
ACTIONS: dict[str, Callable[..., object]] = {
    "sleep": lambda seconds: time.sleep(float(seconds)),
    "begin": _begin,
    "stay": _stay,
    "clutch": _clutch,
    "spin": lambda seconds: _spin(float(seconds)),
    "hold": lambda seconds: _hold(float(seconds)),
    "deaf": lambda seconds: _deaf(float(seconds)),
    "lock": _wait_for_lock,
    "exit": lambda code: os._exit(int(code)),
    "abort": os.abort,
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "raise": lambda: {}["asked for"],
    "fork": _fork,
    "spawn": lambda: subprocess.run(["true"], check=False).returncode,
    "multiprocess": _multiprocess,
    "memory": _keep,
    "environ": lambda name: os.environ.get(name, ""),
    "who": _who,
    "loaded": lambda: _loaded_by,
    "counts": lambda: f"{Counted.begun} {Counted.closed}",
    "threads": threading.active_count,
    "fds": lambda: len(os.listdir("/proc/self/fd")),
    "objects": lambda: gc.collect() and len(gc.get_objects()),
}


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Do what the path says."""
    _, action, *arguments = environ["PATH_INFO"].split("/")
    headers = [("Content-Type", "text/plain")]
    if action == "download":
        start_response("200 OK", [*headers, ("Content-Length", str(int(arguments[0]) << 20))])
        return _blocks(int(arguments[0]))
    if action == "stream":
        start_response("200 OK", headers)
        return _stream(int(arguments[0]))
    if action == "counted":
        start_response("200 OK", headers)
        return Counted(int(arguments[0]))
    if action in ("upload", "count"):
        result: object = _read(environ, action == "upload")
    elif action == "log":
        result = environ["wsgi.errors"].write(f"{arguments[0]}\n")
    else:
        result = ACTIONS[action](*arguments) if action in ACTIONS else None
    body = str(os.getpid() if result is None else result).encode()
    start_response("200 OK", [*headers, ("Content-Length", str(len(body)))])
    return [body]


resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # /abort and /segfault are no accidents
_boot()
