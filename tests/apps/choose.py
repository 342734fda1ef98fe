"""Installed as app.py by the live tests: the X-Application header says which application answers.

So one start of a web server serves them all, and each of them stays as its author wrote it.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable
from typing import Any

MODULES = {"probe": "probe", "demo": "demo", "flask": "flask_app", "django": "django_app"}


@functools.cache
def load(module: str) -> Any:
    """Import an application when it is first asked for: a CGI process should import no more than one."""
    return importlib.import_module(module).application


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Hand the request over."""
    chosen: Iterable[bytes] = load(MODULES[environ.get("HTTP_X_APPLICATION", "probe")])(environ, start_response)
    return chosen
