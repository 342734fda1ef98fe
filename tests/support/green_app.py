"""An application that waits in ordinary Python, for ``--worker gevent``: by path, with names that tests wait for.

/wait/NAME     until the file NAME is there, in the directory GREEN
/large         a long response
/upload        reads a body, answers its length
/fork          a child by multiprocessing, which waits too
/die           a child that comes back into the server
/who           process id, threads, environ
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from pathlib import Path
from typing import Any

PLACE = Path(os.environ.get("GREEN", "."))
LARGE = 8 << 20

_waiting = 0
_most = 0


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    _, name, *rest = environ["PATH_INFO"].split("/")
    body = globals()[f"_{name}"](environ, *rest)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def _wait(environ: dict[str, Any], name: str) -> bytes:
    global _waiting, _most  # noqa: PLW0603
    _waiting += 1
    _most = max(_most, _waiting)
    (PLACE / f"begun-{_waiting}").touch()
    try:
        while not (PLACE / name).exists():
            time.sleep(0.2)
    finally:
        _waiting -= 1
    return b"waited"


def _large(environ: dict[str, Any]) -> bytes:
    return b"x" * LARGE


def _upload(environ: dict[str, Any]) -> bytes:
    return str(len(environ["wsgi.input"].read())).encode()


def _fork(environ: dict[str, Any]) -> bytes:
    child = multiprocessing.get_context("fork").Process(target=_live)
    child.start()
    child.join()
    return str(child.exitcode).encode()


def _live() -> None:
    time.sleep(0.2)


def _die(environ: dict[str, Any]) -> bytes:
    if os.fork() == 0:
        raise SystemExit(3)  # which comes back into the server
    return b"forked"


def _who(environ: dict[str, Any]) -> bytes:
    native = len(os.listdir("/proc/self/task"))
    with open("/proc/self/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    facts = {
        "pid": os.getpid(),
        "threads": native,
        "python_threads": threading.active_count(),
        "multithread": environ["wsgi.multithread"],
        "multiprocess": environ["wsgi.multiprocess"],
        "waiting": _waiting,
        "most": _most,
        "resident": resident,
    }
    return json.dumps(facts).encode()
