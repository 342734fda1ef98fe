"""What ps shows, read from /proc of real processes, and that a process without room keeps well."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import pytest

from gateways.manager import titles
from tests.support.processes import in_child
from tests.support.serving import PATIENCE

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory is found in Linux's /proc")

WITHOUT_PACKAGE = "import sys; sys.modules['setproctitle'] = None\n"

#: Sets the title that it reads from a line, and tells what can be seen of it.
SHOW = """
import os, subprocess, sys
from gateways.manager.titles import set_title
environ = open("/proc/self/environ", "rb").read()
for title in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\\n"):
    set_title(title)
    sys.stdout.buffer.write(open("/proc/self/cmdline", "rb").read() + b"\\n")
assert open("/proc/self/environ", "rb").read() == environ
assert os.environ["MARK"] == "whole"
assert subprocess.run(["sh", "-c", "echo $MARK"], stdout=subprocess.PIPE).stdout == b"whole\\n"
"""


def shown(titles: bytes, *arguments: str, code: str = SHOW) -> tuple[int, list[bytes]]:
    """Return the bytes of the argument area, and what /proc/PID/cmdline has after each title."""
    command = [sys.executable, "-c", WITHOUT_PACKAGE + code, *arguments]
    environ = {**os.environ, "MARK": "whole"}
    result = subprocess.run(command, input=titles, stdout=subprocess.PIPE, env=environ, timeout=PATIENCE, check=True)
    return sum(len(os.fsencode(word)) + 1 for word in command), result.stdout.split(b"\n")[:-1]


def test_the_title_is_what_ps_shows() -> None:
    size, (first, second) = shown(b"gateways: master shop\ngateways: ma\xc3\xaetre")
    assert first == b"gateways: master shop".ljust(size, b"\0")
    assert second == "gateways: maître".encode().ljust(size, b"\0")  # nothing of the longer one is left


def test_a_long_title_is_cut_and_the_environment_stays_whole() -> None:
    size, (line,) = shown(b"x" * 100_000)
    assert line == b"x" * (size - 1) + b"\0"


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_small_area(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """As small as an area can be: one argument, and that one short. What follows it stays whole."""
    import ctypes

    memory = ctypes.create_string_buffer(b"python\0rest of it")
    monkeypatch.setattr(titles, "_area", lambda: titles._Area(ctypes.addressof(memory), size))
    monkeypatch.setattr(titles, "_package", lambda: None)
    in_place = b"gateways"[: size - 1] + b"\0" + b"python\0rest of it\0"[size:]
    assert in_child(lambda: (titles.set_title("gateways: x"), memory.raw)[1]) == in_place


def test_the_shortest_command_line_there_is() -> None:
    """An interpreter that is called x, and told what to do by standard input."""
    environ = {**os.environ, "MARK": "whole", "PYTHONHOME": sys.base_prefix, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = WITHOUT_PACKAGE + SHOW.replace("sys.stdin.buffer.read()", "b'gateways'")
    result = subprocess.run(
        [sys.executable, "-c", "import os, sys; os.execv(sys.executable, ['x'])"],
        input=code.encode(), stdout=subprocess.PIPE, env=environ, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert result.stdout == b"g\0\n"


def test_a_zero_byte_and_what_is_no_text() -> None:
    code = SHOW.replace("set_title(title)", 'set_title("a\\0b\\udcff")')
    _, (line,) = shown(b"", code=code)
    assert line.rstrip(b"\0") == b"a b\\udcff"


def test_the_thread_has_a_name() -> None:
    code = """
from gateways.manager.titles import set_title
set_title("x")
print(open("/proc/self/comm").read(), end="")
"""
    result = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert result.stdout == "gateways\n"


def test_children_have_titles_of_their_own() -> None:
    code = """
import os
from gateways.manager.titles import set_title
def see():
    print(open("/proc/self/cmdline").read().rstrip(chr(0)), flush=True)
set_title("gateways: master, which is the longer title")
if os.fork() == 0:
    set_title("gateways: worker 1")
    see()
    os._exit(0)
os.wait()
see()
"""
    _, lines = shown(b"", code=code)
    assert lines == [b"gateways: worker 1", b"gateways: master, which is the longer title"]


def test_after_the_user_has_changed() -> None:
    """The kernel then gives the files in /proc/self to root."""
    if os.geteuid() != 0:
        pytest.skip("only root can change to another user")
    code = """
import ctypes, os
from gateways.manager.titles import set_title
set_title("gateways: nursery")
if os.fork() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    set_title("gateways: worker 1")
    os._exit(open("/proc/self/cmdline").read().rstrip(chr(0)) != "gateways: worker 1")
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert shown(b"", code=code)[1] == [b"0"]


# Where it cannot be done


NO_PROC = """
import builtins
real = open
builtins.open = lambda path, *more: real("/absent" if path == "/proc/self/stat" else path, *more)
"""


@pytest.mark.parametrize("breaking", ["sys.modules['ctypes'] = None", NO_PROC], ids=["ctypes", "proc"])
def test_where_the_place_cannot_be_known_nothing_happens(breaking: str) -> None:
    code = """
before = open("/proc/self/cmdline", "rb").read()
from gateways.manager.titles import set_title
set_title("gateways: x")
assert open("/proc/self/cmdline", "rb").read() == before
"""
    shown(b"", code=f"{breaking}\n{code}")


def test_the_package_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    module = ModuleType("setproctitle")
    module.setproctitle = given.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "setproctitle", module)
    titles._package.cache_clear()
    monkeypatch.setattr(titles, "_prctl", lambda option, text: None)
    try:
        titles.set_title("gateways: master")
    finally:
        titles._package.cache_clear()
    assert given == ["gateways: master"]
