"""The settings of one serving process: what it serves, its limits, timeouts and logs."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from gateways.core.handler import SECRETS
from gateways.declared import setting
from gateways.settings.listening import Listening
from gateways.values import (
    Choice,
    Duration,
    EnvironPair,
    Many,
    MountPath,
    Number,
    Pair,
    Path,
    Size,
    Switch,
    Text,
)

APPLICATION = "Application"
LIMITS = "Limits"
TIMEOUTS = "Timeouts"
LOGS = "Logs"


class Serving(Listening):
    """What a process needs to know to serve requests, with a manager above it or without."""

    interface: str = setting(
        "wsgi",
        Choice("INTERFACE", "wsgi", "asgi"),
        APPLICATION,
        "How the application is called: wsgi, or asgi for Starlette, FastAPI and the like, with the package a2wsgi.",
    )
    worker: str = setting(
        "threads",
        Choice("KIND", "threads", "gevent"),
        APPLICATION,
        "What serves requests side by side: threads, or the greenlets of the package gevent, which replaces everything "
        "in Python that waits before the application is loaded.",
    )
    threads: int = setting(
        8,
        Number(1, 10_000),
        APPLICATION,
        "Requests the application serves at the same time. 1 suits an application that is not thread-safe; "
        "wsgi.multithread is false then. 1000 with worker gevent, where they are greenlets.",
    )
    script_name: str | None = setting(
        None,
        MountPath(),
        APPLICATION,
        "Where the application is mounted: SCRIPT_NAME for every request, whatever the web server sends. PATH_INFO is "
        'what follows it in the path. Without this, both come from what the web server sends. "/" is the root.',
    )
    environ: tuple[tuple[str, str], ...] = setting(
        (),
        Many(EnvironPair()),
        APPLICATION,
        "Add this pair to the environ of every request. Can be given several times.",
    )
    env: tuple[tuple[str, str], ...] = setting(
        (),
        Many(Pair()),
        APPLICATION,
        "Set this environment variable before the application is loaded: os.environ. Can be given several times.",
    )
    chdir: str | None = setting(
        None,
        Path("DIRECTORY", "a directory"),
        APPLICATION,
        "Change to this directory before anything else: relative paths start there, of the application, of sockets and "
        "of logs. Default: the directory of the configuration file, where there is one.",
    )
    python_path: tuple[str, ...] = setting(
        (),
        Many(Path("DIRECTORY", "a directory")),
        APPLICATION,
        "Look for modules in this directory first. Can be given several times.",
    )
    posthooks: bool = setting(
        False,
        Switch(),
        APPLICATION,
        'Call what the application has appended to environ["gateways.posthooks"], once its response has gone out or '
        "the client has left. Default: yes with http or listen, no without.",
    )
    minimum_chunk_size: int = setting(
        0,
        Size(0, 1 << 20),
        APPLICATION,
        "Join small blocks of a response until they are so many bytes. A block may come late then, which PEP 3333 "
        "forbids. 0 sends each at once.",
    )
    capitalize_response_headers: bool = setting(
        False,
        Switch(),
        APPLICATION,
        "Write the names of response headers with one capital letter in each word (Content-Md5), for clients that "
        "expect them so.",
    )
    on_boot_error: str = setting(
        "auto",
        Choice("ACTION", "auto", "exit", "answer"),
        APPLICATION,
        "When the application cannot be loaded: exit with status 3, or answer 500 and try again at later requests, at "
        "most once a second. auto answers when the web server or systemd handed the socket over, because they would "
        "only start the same again, and exits otherwise.",
    )
    debug: bool = setting(
        False,
        Switch(),
        APPLICATION,
        "Show a failure of the application in the browser: the traceback with its source, and the request. Not for "
        "production: that tells strangers how your program works.",
    )
    debug_secrets: bool = setting(
        False,
        Switch(),
        APPLICATION,
        "As debug, with local variables, cookies, credentials and the environment of the process on the page, too. For "
        "your own machine only.",
    )

    max_header_size: int = setting(
        256 * 1024,
        Size(1024, 16 << 20),
        LIMITS,
        "Bytes of all variables of one request, headers and cookies among them. More is answered with 431.",
    )
    max_headers: int = setting(
        1000,
        Number(16, 100_000),
        LIMITS,
        "Number of variables of one request. More is answered with 431.",
    )
    max_name_size: int = setting(
        256,
        Size(32, 65536),
        LIMITS,
        "Bytes of the name of one variable. A longer one is answered with 431.",
    )
    max_request_line: int = setting(
        16384,
        Size(256, 1 << 20),
        LIMITS,
        "Bytes of the first line of an HTTP request, which holds the URL. More is answered with 414.",
    )
    max_body_size: int = setting(
        0,
        Size(0, 1 << 50),
        LIMITS,
        "Bytes of a request body. More is answered with 413. 0 means no limit here; the web server has one of its own.",
    )

    header_timeout: float = setting(
        15.0,
        Duration(0.01),
        TIMEOUTS,
        "Time for a request to arrive, without its body.",
    )
    body_timeout: float = setting(
        60.0,
        Duration(0.01),
        TIMEOUTS,
        "Time between two pieces of a request body.",
    )
    write_timeout: float = setting(
        60.0,
        Duration(0.01),
        TIMEOUTS,
        "Time the peer may take to accept the next piece of a response.",
    )
    keepalive_timeout: float = setting(
        75.0,
        Duration(0.0),
        TIMEOUTS,
        "Time a connection may stay open without a request. Longer than the 60 seconds of nginx, so that the web "
        "server is the one that closes it. 0 serves one request on each connection, for HTTP and AJP13.",
    )
    graceful_timeout: float = setting(
        30.0,
        Duration(0.0),
        TIMEOUTS,
        "Time for requests in hand to finish, when the server is told to stop.",
    )
    linger_timeout: float = setting(
        30.0,
        Duration(0.0),
        TIMEOUTS,
        "Time to go on reading an upload that the application did not want, so that the web server gets the answer "
        "instead of a broken connection.",
    )

    access_log: str | None = setting(
        "-",
        Path("FILE", 'a file name, or "-" for the standard output', off=True),
        LOGS,
        'Write a line for each request to this file. "-" is the standard output, "off" is none. Off by default where a '
        "web server started the process, because it keeps a log itself.",
    )
    access_log_format: str = setting(
        "combined",
        Text("FORMAT", 'text with directives, such as "%h %t \\"%r\\" %>s"'),
        LOGS,
        'A line of the access log: "common", "combined", or directives as in Apache\'s LogFormat.',
    )
    error_log: str = setting(
        "-",
        Path("FILE", 'a file name, or "-" for the standard error output'),
        LOGS,
        'Write errors and messages to this file. "-" is the standard error output.',
    )
    log_level: str = setting(
        "info",
        Choice("LEVEL", "debug", "info", "notice", "warning", "error"),
        LOGS,
        "The least important messages that the error log keeps: debug, info, notice, warning or error.",
    )

    def _derive(self, values: dict[str, Any], given: Container[str]) -> None:
        if (values["http"] or values["listen"]) and "posthooks" not in given:
            values["posthooks"] = True

    @property
    def debugging(self) -> bool | str:
        """What ``core.handler`` calls ``debug``."""
        return SECRETS if self.debug_secrets else self.debug
