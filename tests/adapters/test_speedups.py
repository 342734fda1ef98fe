"""Which of the twins is in use, and the extension module as such: interpreters, leaks, wrong arguments."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.adapters import speedups
from gateways.adapters.fastcgi.records import MAX_ALIGNED_CONTENT
from gateways.core.environ import MAX_REMEMBERED_NAMES
from gateways.server.wire import READ_SIZE
from tests.support.requirements import required
from tests.support.source import CHECKOUT

needs_c = pytest.mark.skipif(speedups.module is None, reason=speedups.describe())


def python(code: str, **environ: str) -> str:
    """Run ``code`` in an interpreter of its own and return what it prints."""
    names = {name: value for name, value in os.environ.items() if name != speedups.VARIABLE}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**names, **environ},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_ci_tests_the_c_part() -> None:
    """Where it could not be built, nobody would notice that its tests are skipped."""
    if required() and os.environ.get(speedups.VARIABLE, "0") in ("", "0"):
        assert speedups.module is not None, "build it: pip install -e ."


@pytest.mark.parametrize(("value", "pure"), [("1", True), ("yes", True), ("", False), ("0", False)])
def test_a_variable_switches_it_off(value: str, pure: bool) -> None:
    code = "from gateways.adapters import speedups; print(speedups.module is None, speedups.describe())"
    printed = python(code, GATEWAYS_PURE=value)
    if pure:
        assert printed == "True pure Python, GATEWAYS_PURE is set"
    elif (CHECKOUT / "gateways/adapters").glob("_speedups.*.so"):
        assert printed in ("False with the C part", "True pure Python, the C part is not built")


def test_one_that_cannot_be_loaded_is_as_none(tmp_path: Path) -> None:
    """After an upgrade of Python, say: the program goes on, slower."""
    code = """
import sys
sys.modules["gateways.adapters._speedups"] = None
from gateways.adapters import speedups
from gateways.adapters.fastcgi.records import MAX_ALIGNED_CONTENT
from gateways.core.environ import MAX_REMEMBERED_NAMES
from gateways.server.wire import READ_SIZE
from gateways.server.connection import Connection
print(speedups.describe(), speedups.Link.__module__, speedups.Link in Connection.__mro__)
"""
    assert python(code) == "pure Python, the C part is not built gateways.adapters._pure True"


@needs_c
@pytest.mark.parametrize("change", ["module.INTERFACE -= 1", "del module.INTERFACE"])
def test_one_of_another_version_is_left_alone(change: str) -> None:
    """A stale file has accepted connections and never answered them."""
    code = f"""
import importlib
module = importlib.import_module("gateways.adapters._speedups")
{change}
from gateways.adapters import speedups
print(speedups.Link.__module__, speedups.describe())
"""
    pure, reason = python(code).split(" ", 1)
    assert pure == "gateways.adapters._pure"
    assert reason.startswith("pure Python, the C part is of another version, install gateways anew: /")


def test_numbers_that_stand_in_both_languages() -> None:
    sources = "".join(path.read_text() for path in sorted((CHECKOUT / "gateways/adapters").glob("_speedups*.h")))
    numbers = {name: int(number) for name, number in re.findall(r"#define (\w+) (\d+)\b", sources)}
    assert numbers["INTERFACE"] == speedups.INTERFACE
    assert numbers["READ_SIZE"] == READ_SIZE
    assert numbers["MAX_CONTENT"] == MAX_ALIGNED_CONTENT
    assert numbers["MAX_NAMES"] == MAX_REMEMBERED_NAMES
    assert numbers["TABLE_SIZE"] >= 2 * MAX_REMEMBERED_NAMES, "a full table would be searched for ever"


@needs_c
def test_types_that_cannot_be_made_wrongly() -> None:
    module = speedups.module
    assert module is not None
    board = module.Board(None, None)
    for call in (board.begin, board.end):
        with pytest.raises(TypeError, match="a Link is needed"):
            call("no link")
    with pytest.raises(TypeError):
        module.FastPath()
    with pytest.raises(TypeError):
        module.FastPath(protocol="fastcgi", connection_type=int)
    with pytest.raises(TypeError):
        module.Start()
    for name, call in (("FastPath", "accept"), ("FastPath", "attach"), ("Board", "begin"), ("Environs", "fastcgi")):
        cls = getattr(module, name)
        empty = cls.__new__(cls)  # never initialised
        if name == "Board":
            empty.resting = True
        argument = {"accept": (), "fastcgi": (b"\x0e\x03REQUEST_METHODGET",)}.get(call, (module.Link(),))
        try:
            assert getattr(empty, call)(*argument) is None
        except (TypeError, RuntimeError):
            pass


@needs_c
@pytest.mark.skipif(sys.version_info < (3, 13), reason="_interpreters is new in Python 3.13")
def test_interpreters_of_one_process_have_one_each() -> None:
    """Each with its own GIL: the module keeps no state outside of itself."""
    code = """
import _interpreters
code = '''
from gateways.adapters import speedups
from gateways.adapters.fastcgi.records import MAX_ALIGNED_CONTENT
from gateways.core.environ import MAX_REMEMBERED_NAMES
from gateways.server.wire import READ_SIZE
from gateways.core.environ import EnvironBuilder
from gateways.core.paths import repair
builder = EnvironBuilder(multithread=False, multiprocess=False)
environs = speedups.module.Environs({}, builder.fixed, builder.names, repair, None)
block = b"\\\\x0e\\\\x03REQUEST_METHODGET\\\\x0b\\\\x01SERVER_NAMEa\\\\x0b\\\\x0280SERVER_PORT"
environs.fastcgi(block)
'''
for _ in range(3):
    interpreter = _interpreters.create("isolated")
    problem = _interpreters.exec(interpreter, code)
    assert problem is None, problem
    _interpreters.destroy(interpreter)
print("done")
"""
    assert python(code) == "done"
