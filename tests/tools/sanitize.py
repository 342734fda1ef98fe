"""Build all C with AddressSanitizer and UndefinedBehaviorSanitizer, and run the tests that go through it.

The property tests make many more examples than usual: this is the fuzzing of the C part. Everything happens in a copy
of the checkout, so that nobody imports the slow build by accident.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.support.source import CHECKOUT

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer")
TESTS = (
    *("tests/adapters/test_speedups_environ.py", "tests/adapters/test__pure.py", "tests/server/test_fastpath.py"),
    *("tests/server/test_connection.py", "tests/server/test_serving.py", "tests/server/test_exchange.py"),
    *("tests/server/test_wire.py", "tests/server/test_crew.py"),
    *("tests/server/test_fastcgi_cases.py", "tests/server/test_scgi_cases.py", "tests/server/test_uwsgi_cases.py"),
    "tests/core/test_pep3333.py",
)
PROGRAM_TESTS = ("tests/resident/test_interpreter.py", "tests/resident/test_relay.py")


def library(name: str) -> str:
    """Return the path of a runtime of the compiler: the interpreter itself was not built with it."""
    return subprocess.run(["cc", f"-print-file-name={name}"], check=True, capture_output=True, text=True).stdout.strip()


def build(package: Path) -> None:
    """Compile the C part in place."""
    adapters = package / "adapters"
    target = adapters / f"_speedups{sysconfig.get_config_var('EXT_SUFFIX')}"
    sources = sorted(str(path) for path in adapters.glob("_speedups*.c"))
    flags = ("-g", "-O1", "-std=c11", "-Wall", "-Werror", "-shared", "-fPIC", f"-I{sysconfig.get_paths()['include']}")
    # PyCFunction casts are Python's own way.
    subprocess.run(["cc", *flags, "-Wno-cast-function-type", *SANITIZERS, *sources, "-o", str(target)], check=True)


def main() -> int:
    """Run the tests, with further arguments for pytest; return its exit code."""
    if shutil.which("cc") is None:
        sys.exit("there is no C compiler: apt-get install gcc libc6-dev")
    with tempfile.TemporaryDirectory(prefix="gateways-sanitize-") as directory:
        copy = Path(directory)
        for name in ("gateways", "tests", "cgi-bin", "conf", "docs"):
            shutil.copytree(CHECKOUT / name, copy / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        shutil.copy(CHECKOUT / "pyproject.toml", copy)
        build(copy / "gateways")
        environ = {
            **os.environ,
            "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
            "ASAN_OPTIONS": "detect_leaks=0",  # Python keeps much until it ends; ./dev soak looks for leaks
            "PYTHONMALLOC": "malloc",  # so that the sanitizer sees each object
            "HYPOTHESIS_PROFILE": "thorough",
        }
        alone = _test_program(copy)
        tests = () if any(argument.startswith("tests/") for argument in sys.argv) else TESTS
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *sys.argv[1:], *tests]
        return subprocess.run(command, cwd=copy, env=environ, check=False).returncode or alone


def _test_program(copy: Path) -> int:
    """Run the tests of gateways-cgi, a program of its own, which they compile; what it talks to is pure Python."""
    environ = {**os.environ, "GATEWAYS_CGI_CFLAGS": " ".join(("-g", *SANITIZERS)), "GATEWAYS_PURE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not python", *PROGRAM_TESTS]
    return subprocess.run(command, cwd=copy, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
