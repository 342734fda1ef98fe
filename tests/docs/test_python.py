"""The Python of the pages is run: scripts as CGI scripts, modules by importing them, applications by asking them."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, Block, blocks, name_of
from tests.docs.machine import Machine, machine
from tests.support.source import CHECKOUT

pytestmark = [pytest.mark.live, pytest.mark.slow]  # of one Python, as the pages' commands are

#: Blocks that are compiled and not run: their page, what they have in them, and why.
EXCEPT = {
    ("howto/from-eventlet", "serve_forever"): "it serves until it is ended: tests/test_from_eventlet.py does that",
    ("howto/from-eventlet", "gateways.serve("): "the same",
    ("reference/client", "front.serve_forever"): "it serves until it is ended: tests/front/test_front.py does that",
    ("howto/pyramid", "get_app("): "it needs the ini file of a project",
}
#: What a page has to have running for its Python.
BACKENDS = {"reference/client": "gateways serve app:application --fastcgi unix:/tmp/app.sock"}

CGI = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "/app.cgi",
    "PATH_INFO": "/hello/Ann",
    "QUERY_STRING": "",
    "SERVER_NAME": "example.org",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "192.0.2.7",
}


def excepted(block: Block) -> bool:
    """Say whether a block is one of ``EXCEPT``."""
    return any(block.page == page and text in block.text for page, text in EXCEPT)


def is_script(block: Block) -> bool:
    """Say whether a block is what a web server starts."""
    return block.text.startswith("#!") or "\nrun(" in block.text


def environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{CHECKOUT}{os.pathsep}."}


def run_script(page: Machine, block: Block) -> None:
    """Answer one request with it."""
    done = subprocess.run(
        [sys.executable, "-c", page.translate(block.text)], cwd=page.directory, env={**environment(), **CGI},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    head = done.stdout.partition("\n\n")[0]
    answered = re.match(r"[\w-]+: ", head) and not re.search(r"^Status: [^2]", head, re.MULTILINE | re.IGNORECASE)
    assert (done.returncode, bool(answered)) == (0, True), f"{block.where}: {done.stdout}{done.stderr}"


def run_modules(page: Machine, modules: list[Block]) -> None:
    """Run the others in one process."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("execute.py")], cwd=page.directory, env=environment(),
        input=json.dumps([(block.where, page.translate(block.text)) for block in modules]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", [path for path in PAGES if blocks("python", path=path)], ids=name_of)
def test_python_of_a_page(path: Path) -> None:
    found = blocks("python", path=path)
    for block in found:
        compile(block.text, block.where, "exec")
    found = [block for block in found if not excepted(block) and ast.parse(block.text).body]  # or it is a comment
    with machine() as page:
        for block in found:
            page.keep(block)
        if name_of(path) in BACKENDS:
            assert page.run(BACKENDS[name_of(path)]).returncode == 0
        modules = [block for block in found if not is_script(block)]
        if modules:
            run_modules(page, modules)
        for block in found:
            if is_script(block):
                run_script(page, block)


def test_no_exception_is_left_over() -> None:
    found = blocks("python")
    for page, text in EXCEPT:
        assert any(block.page == page and text in block.text for block in found), (page, text)
