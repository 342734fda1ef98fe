"""What a spawned process does when its script has failed: it answers 500, and tries the script again (rerun.py)."""

from __future__ import annotations

import os
import traceback
from contextlib import ExitStack
from typing import TYPE_CHECKING

from gateways.adapters.standardstreams import complete_standard_streams
from gateways.core.failures import title_of
from gateways.errors import BootError, ConfigError, GatewayError
from gateways.server.changes import Changes, Files, LoadedFiles
from gateways.server.errorlog import ErrorLog
from gateways.server.opening import addresses_to_serve, listen
from gateways.server.origin import origin
from gateways.server.respawning import SpawnedServer
from gateways.server.spawned import detect
from gateways.server.transports import TRANSPORTS
from gateways.settings import Settings
from gateways.settings.listening import LISTENERS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gateways.core.types import Environ


def answer_for(
    script: str, error: BaseException | None, server: type[SpawnedServer] = SpawnedServer, tell: bool = False
) -> None:
    """Serve in the place of ``script``, which raised ``error`` or just ended. Does nothing when it has served.

    ``server`` is what serves. ``tell`` has each request tell its web server the traceback, too: where the error log is
    another than that server's.
    """
    complete_standard_streams()
    start = detect(os.environ)
    if start.kind not in TRANSPORTS:
        return  # descriptor 0 is taken already
    refusal = Refusal(script, error, tell)
    settings = _settings(start.protocol, start.addresses)
    with ExitStack() as stack:
        error_log = ErrorLog(settings.error_log, settings.log_level)
        stack.callback(error_log.close)
        if error is not None:
            error_log.exception(refusal.reason, error)
        error_log.error(f"{refusal.reason}; requests are answered with 500 until it can be run")
        listeners = listen(addresses_to_serve(settings), settings, stack)
        refusing = server(refusal, listeners, settings, error_log, look=refusal.look)
        code = refusing.run()
        refusing.begin_anew()
        raise SystemExit(code)


def _settings(protocol: str, addresses: tuple[str, ...]) -> Settings:
    listening = {**dict.fromkeys(LISTENERS, ()), protocol: addresses, "threads": 1}
    try:
        return Settings.load(keywords=listening)
    except ConfigError:  # a variable: it may be what the script has failed of
        return Settings(**listening)


class Refusal:
    """A WSGI application that raises the reason, and says when the script should be tried again."""

    def __init__(self, script: str, error: BaseException | None, tell: bool = False) -> None:
        self.reason = f"{script} failed: {_describe(error)}"
        self._error = error
        self._tell = tell
        self._asked = False
        # Those that it was about to load are no modules yet, but in the traceback.
        self._failed = tuple(dict.fromkeys([os.path.abspath(script), *_files(error)]))
        self._loaded = LoadedFiles()
        self._changes = Changes(self._all_files, origin.since)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        self._asked = True
        failure = BootError(self.reason)
        if self._tell:
            failure.__cause__ = self._error
        else:
            failure.__context__ = self._error  # for the debug page alone: the log has had it
        raise failure

    def look(self) -> str:
        """Return why the script should be tried again, or ""."""
        if self._asked:
            return "a request was refused, and the script is tried again"
        return self._changes.reason()

    def _all_files(self) -> Files:
        files = self._loaded()
        return Files((*files.first, *self._failed), files.others)


def _describe(error: BaseException | None) -> str:
    if error is None:
        return "it has ended without a call of run() or serve()"
    if isinstance(error, SystemExit):
        # run() ends so when a setting cannot be used, and has said why where nobody looks.
        cause = error.__context__
        return str(cause) if isinstance(cause, GatewayError) else f"it has ended with exit status {error.code}"
    return " ".join(title_of(error).split())[:300]


def _files(error: BaseException | None) -> Iterable[str]:
    """Give the files that an error has come through."""
    if isinstance(error, SyntaxError) and error.filename:
        yield error.filename
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if os.path.isabs(frame.f_code.co_filename):
                yield frame.f_code.co_filename
        error = error.__cause__ or error.__context__
