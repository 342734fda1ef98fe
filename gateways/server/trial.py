"""Load an application as a worker would, in a process of its own, to see whether that works: for ``check-config``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from gateways.errors import GatewayError

if TYPE_CHECKING:
    from gateways.settings import Settings

#: What the process has to know of a pool's settings.
_NEEDED = ("chdir", "python_path", "env", "user", "group", "umask", "interface")

#: Bytes of the answer, which is one line.
_MAX_ANSWER = 65536

# The directory of this package comes from here: in the working directory may be another "gateways".
_PROGRAM = "import sys; sys.path[0] = sys.argv[1]; from gateways.server.trial import main; main()"


def try_loading(application: str, settings: Settings) -> str:
    """Load ``application`` in a child process with the user, directory and environment of ``settings``.

    Returns "" when that works, or else one line that says why it does not. It may take as long as ``boot_timeout``.
    What the application prints goes to standard error.
    """
    order = json.dumps([application, {name: getattr(settings, name) for name in _NEEDED if name in settings.given}])
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    reader, writer = os.pipe()
    with open(reader, "rb") as answer:
        try:
            process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, root, order, str(writer)],
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=[writer],
            )
        finally:
            os.close(writer)
        with process:
            try:
                process.wait(settings.boot_timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                return f"it was not loaded after {settings.boot_timeout:g} s (boot_timeout)"
        os.set_blocking(reader, False)  # a process that it left behind may hold the other end
        text = (answer.read(_MAX_ANSWER) or b"").decode("utf-8", "replace")
    if process.returncode == 0 and text == "loaded":
        return ""
    if process.returncode < 0:
        return f"loading it ended with signal {-process.returncode}"
    return text or f"loading it ended the process with status {process.returncode}"


def main() -> None:
    """Be the child process. The arguments: the directory of the package, the order, and where to answer."""
    from gateways.loader import prepare_imports
    from gateways.server.errorlog import ErrorLog
    from gateways.server.opening import load_application
    from gateways.server.privileges import Privileges
    from gateways.settings import Settings

    application, values = json.loads(sys.argv[2])
    answer = int(sys.argv[3])
    os.set_inheritable(answer, False)
    settings = Settings(**values)
    sys.path[0] = ""
    try:
        Privileges.of(settings).drop()
        prepare_imports(settings.chdir, settings.python_path, settings.env)
        sys.argv[1:] = []
        load_application(application, settings, False, ErrorLog("-", "error"))
        text = "loaded"
    except GatewayError as error:
        text = str(error)
    os.write(answer, text.encode("utf-8", "replace")[:_MAX_ANSWER])
    sys.stdout.flush()
    os._exit(0)  # without waiting for the threads of the application
