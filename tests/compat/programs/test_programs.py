"""Programs that import flup, unmodified, on these names."""

from __future__ import annotations

import importlib.util
import os
import threading

import pytest

from tests.compat.programs.running import ask_script, started
from tests.compat.programs.table import PROGRAMS
from tests.support import requirements

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("GATEWAYS_PURE") == "1", reason="it does not differ without the C part"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What sets a program up, once for all protocols."""
    directories = {}

    def make(program):
        for module in program.needs:
            if importlib.util.find_spec(module) is None:  # importing some of them warns
                requirements.missing(f"{module} is not installed: pip install 'gateways[test]'")
        if program.make not in directories:
            directory = tmp_path_factory.mktemp("p")
            program.make(directory)
            directories[program.make] = directory
        return directories[program.make]

    return make


@pytest.mark.parametrize(
    "program", [program for program in PROGRAMS if program.protocol != "cgi"], ids=lambda program: program.label
)
def test_a_program(made, program):
    directory = made(program)
    for number, code in program.ends:
        with started(program, directory) as running:
            for target, expected in program.asks:
                assert expected in running.ask(target), running.log
            threads = [threading.Thread(target=running.ask, args=(program.asks[0][0],)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert "Traceback" not in running.log
            assert running.end(number) == code, running.log


@pytest.mark.parametrize(
    "program", [program for program in PROGRAMS if program.protocol == "cgi"], ids=lambda program: program.label
)
def test_a_script(made, program):
    directory = made(program)
    for target, expected in program.asks:
        assert expected in ask_script(program, directory, target)


@pytest.mark.parametrize("name", ["web.py", "Bottle"])
def test_a_body(made, name):
    program = next(program for program in PROGRAMS if program.name == name)
    with started(program, made(program)) as running:
        body = bytes(range(256)) * 400
        assert running.ask("/echo", "POST", body) == body
