"""Serve an application as ``runfcgi`` does: in the background, if that is wanted, with a pid file and logs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from gateways.errors import ConfigError
from gateways.manager.daemon import Daemon, daemonize
from gateways.manager.pidfile import PidFile

if TYPE_CHECKING:
    from gateways.compat.django.options import Options

_UMASK = 0o022


def serve(application: Any, options: Options) -> bool:
    """Serve until a signal ends it; return whether that was SIGHUP.

    In the background it returns there only, and the process that was started ends when it is known whether it serves.
    Raises ``ConfigError`` and ``BindError``.
    """
    with daemonize() if options.daemonize else Daemon() as daemon:
        if options.daemonize:
            _settle(options)
        pid_file = PidFile(options.pidfile) if options.pidfile else None
        if pid_file is not None:
            pid_file.take()
        try:
            server = options.make_server(application)
            sock = server._setupSocket()  # a mistake is for the person who still waits
            server._setupSocket = lambda: sock
            if options.daemonize:
                _redirect(options)
            daemon.ready()
            return bool(server.run())
        finally:
            if pid_file is not None:
                pid_file.remove()


def _settle(options: Options) -> None:
    try:
        os.chdir(options.workdir)
    except OSError as error:
        raise ConfigError(f"workdir={options.workdir}: {error.strerror}") from None
    os.umask(_UMASK if options.umask is None else options.umask)


def _redirect(options: Options) -> None:
    """Give the standard streams the files that were asked for, or none."""
    for number, path in ((0, None), (1, options.outlog), (2, options.errlog)):
        try:
            fd = os.open(path or os.devnull, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os.dup2(fd, number)
        if fd > 2:
            os.close(fd)
