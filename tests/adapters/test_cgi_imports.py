"""What a CGI script pays once per request: the modules that run_with_cgi brings along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.import_time import BARE
from tests.support import cgi


def imported(statement: str) -> list[str]:
    """The modules that a statement adds to a bare interpreter."""
    code = f"{BARE}; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], env=cgi.environment(), capture_output=True, text=True, check=True
    )
    return done.stderr.split()


def test_run_with_cgi_imports_nothing_but_its_own_few_modules() -> None:
    """A script pays for each module once per request. The time is measured by tests/bench/import_time.py."""
    assert imported("from gateways import run_with_cgi") == [
        "__future__",
        "gateways",
        "gateways.adapters",
        "gateways.adapters.cgi",
        "gateways.adapters.cgihead",
        "gateways.core",
        "gateways.core.environ",
        "gateways.core.filewrapper",
        "gateways.core.handler",
        "gateways.core.headers",
        "gateways.core.input",
        "gateways.core.paths",
        "gateways.core.posthooks",
        "gateways.core.response",
        "gateways.errors",
    ]


def test_serving_a_request_imports_nothing_more() -> None:
    serve = """run_with_cgi(lambda environ, start_response: [start_response("200 OK", []), b"page"][1:])"""
    statement = f"from gateways import run_with_cgi; {serve}"
    assert imported(statement) == imported("from gateways import run_with_cgi")


def test_a_warning_costs_a_request_no_traceback() -> None:
    application = "lambda environ, start_response: [start_response('200 OK', [('Content-Length', '4')]), b'longer'][1:]"
    more = imported(f"from gateways import run_with_cgi; run_with_cgi({application})")
    assert "gateways.core.failures" in more
    assert "traceback" not in more


def test_the_module_list_can_fail() -> None:
    assert "re" in imported("import wsgiref.handlers")


def test_an_application_given_by_name_costs_importlib_and_little_more(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "def application(environ, start_response): start_response('200 OK', []); return []"
    )
    statement = f"sys.path.insert(0, {str(tmp_path)!r}); from gateways import run_with_cgi; run_with_cgi('app')"
    more = set(imported(statement)) - set(imported("from gateways import run_with_cgi"))
    assert {"app", "gateways.loader", "importlib"} <= more
    assert not more & {"re", "typing", "collections", "enum", "functools", "logging", "traceback", "urllib.parse"}
