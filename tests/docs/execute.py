"""Runs the Python of one page, block by block, in a process of its own: ``execute.py`` gets them as JSON.

An application that a block has defined is asked for a page, through the validator of wsgiref.
"""

from __future__ import annotations

import inspect
import io
import json
import sys
import traceback
import types
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

PATH = "/hello/Ann"


def ask(application: Any) -> str:
    """Return the status of an answer to GET."""
    environ: dict[str, Any] = {"QUERY_STRING": "", "SCRIPT_NAME": "", "PATH_INFO": PATH, "REMOTE_ADDR": "192.0.2.7"}
    setup_testing_defaults(environ)
    environ["wsgi.input"] = io.BytesIO()
    seen: list[str] = []

    def start_response(status: str, headers: object, exc_info: object = None) -> Any:
        seen.append(status)
        return lambda data: None

    result = validator(application)(environ, start_response)
    try:
        assert all(isinstance(block, bytes) for block in result)
    finally:
        result.close()  # type: ignore[attr-defined]
    return seen[0]


def main() -> int:
    """Run them; say which has failed."""
    for where, text in json.load(sys.stdin):
        module = sys.modules["page"] = types.ModuleType("page")
        names = vars(module)
        try:
            exec(compile(text, where, "exec"), names)
            for name in ("application", "app"):
                found = names.get(name)
                if callable(found) and not inspect.iscoroutinefunction(getattr(found, "__call__", None)):  # noqa: B004
                    status = ask(found)
                    assert status[:1] in "234", status
        except BaseException:
            print(f"{where}:\n{traceback.format_exc()}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
