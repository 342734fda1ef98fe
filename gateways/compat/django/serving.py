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
            # What can fail comes before there is a socket file to leave behind.
            streams = _open_streams(options) if options.daemonize else []
            sock = server._setupSocket()  # a mistake is for the person who still waits
            server._setupSocket = lambda: sock
            _redirect(streams)
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


def _open_streams(options: Options) -> list[int]:
    """Open what the standard streams are to be: the files that were asked for, or none."""
    streams: list[int] = []
    for name, path in (("", None), ("outlog", options.outlog), ("errlog", options.errlog)):
        try:
            streams.append(os.open(path or os.devnull, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666))
        except OSError as error:
            for fd in streams:
                os.close(fd)
            raise ConfigError(f"{name}={path}: {error.strerror}") from None
    return streams


def _redirect(streams: list[int]) -> None:
    """Let these descriptors be the standard streams."""
    for number, fd in enumerate(streams):
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        if fd != number:
            os.dup2(fd, number)
            os.close(fd)
