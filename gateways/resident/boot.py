"""The program of a resident process: runs the script as its ``__main__``, and answers for it when it fails.

The listening socket is descriptor 0, so ``run`` in the script serves it. Run as ``python -m gateways.resident.boot``.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import gateways.server.origin
from gateways.resident import notes, streams
from gateways.resident.starting import SOCKET
from gateways.server import rerun

if TYPE_CHECKING:
    from gateways.core.types import Application


def main() -> None:
    """Run the script that ``sys.argv`` names, as Python runs it."""
    streams.install()
    notes.begin(os.environ[SOCKET], sys.argv[1])
    _take_over_wsgiref()
    rerun.main(_answer_for)


def _answer_for(script: str, error: BaseException | None) -> None:
    if SOCKET not in os.environ:
        return  # it has served
    from gateways.resident.process import ResidentServer
    from gateways.server.refusal import answer_for

    answer_for(script, error, server=ResidentServer, tell=True)


def _take_over_wsgiref() -> None:
    """Have scripts that were written for the standard library serve as well."""
    from wsgiref.handlers import CGIHandler

    def run(self: CGIHandler, application: Application) -> None:
        gateways.run(application)

    CGIHandler.run = run  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    main()
