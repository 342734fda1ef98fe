"""An application for tests of the process: its path says what it does."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """``/sleep/SECONDS`` sleeps, ``/fork`` leaves a child that sleeps; the answer is the path, or the child's id."""
    _, action, *arguments = environ["PATH_INFO"].split("/")
    answer = environ["PATH_INFO"].encode()
    if action == "sleep":
        time.sleep(float(arguments[0]))
    elif action == "fork":
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
        answer = b"%d" % child
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer]
