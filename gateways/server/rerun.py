"""Runs a script in the place of the program that it was before, and answers requests when it fails.

It is executed by its path (successor.py), and ``gateways`` may be where only the script finds it. So this imports
nothing of it, unless the script has failed: then the process goes on, answers 500, and tries the script again when
something has changed or a second after a request. If it ended, spawn-fcgi would not start it again, ever.
"""

from __future__ import annotations

import os
import runpy
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def main(answer_for: Callable[[str, BaseException | None], None]) -> None:
    """Run the script that ``sys.argv`` names, as Python runs it, and have its failure answered for."""
    del sys.argv[0]
    script = sys.argv[0]
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path[0] = os.path.dirname(os.path.realpath(script))
    try:
        runpy.run_path(script, run_name="__main__")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        answer_for(script, error)
        raise
    answer_for(script, None)


def _answer_for(script: str, error: BaseException | None) -> None:
    """Answer requests for a script that has failed, or has ended, before it served."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if package not in sys.path:
        sys.path.append(package)
    from gateways.server.refusal import answer_for

    answer_for(script, error)


if __name__ == "__main__":
    main(_answer_for)
