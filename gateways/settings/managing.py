"""The settings of the process manager: how many workers, what they may take, how they are watched and renewed."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from gateways.declared import Declared, setting
from gateways.values import (
    Choice,
    Duration,
    Many,
    Mode,
    Module,
    MountPath,
    Number,
    Path,
    RequestPath,
    Size,
    Switch,
    Text,
)

WORKERS = "Workers"
RENEWAL = "Limits of a worker"
WATCHING = "Limits of a request"
RELOADING = "Reloading"
STATUS = "Status"
PROCESS = "The process"

#: They belong to the master, which is one for all pools.
OF_THE_MASTER = frozenset({"control", "daemonize", "error_log", "log_level", "pid_file", "restart_file", "reload"})


class Managing(Declared):
    """What ``gateways serve`` needs to know to keep worker processes.

    A time of 0 switches its limit off, and so does a size or a number of 0 where it says so.
    """

    workers: int = setting(
        0,
        Number(0, 1024),
        WORKERS,
        "Worker processes, with dynamic and ondemand the most there are at once. 0: no manager, this process serves by "
        "itself.",
    )
    pm: str = setting(
        "static",
        Choice("MODE", "static", "dynamic", "ondemand"),
        WORKERS,
        "How many of the workers there are: static, always all; dynamic, so many that min_spare to max_spare are idle; "
        "ondemand, none until a request comes.",
    )
    start_workers: int = setting(
        0,
        Number(0, 1024),
        WORKERS,
        "Workers at the start with dynamic. 0: halfway between min_spare and max_spare.",
    )
    min_spare: int = setting(
        1,
        Number(1, 1024),
        WORKERS,
        "With dynamic, more workers are started when fewer than this are idle.",
    )
    max_spare: int = setting(
        3,
        Number(1, 1024),
        WORKERS,
        "With dynamic, workers are stopped when more than this are idle.",
    )
    idle_timeout: float = setting(
        10.0,
        Duration(0.1),
        WORKERS,
        "With ondemand, a worker that was idle for this time is stopped. A process that stays for a CGI script ends "
        "then, by default after 5 minutes.",
    )
    preload: bool = setting(
        False,
        Switch(),
        WORKERS,
        "Load the application once, in a process of its own from which the workers are forked: they start faster and "
        "share its memory. Threads and connections that it opens while loading are not shared; open them in the hook "
        "post_fork.",
    )
    hooks: str | None = setting(
        None,
        Module("MODULE", "a module name or the path of a Python file"),
        WORKERS,
        "Call the functions of this module at certain moments: boot, pre_fork, post_fork, ready, request, exit.",
    )

    max_requests: int = setting(
        0,
        Number(0, 10**9),
        RENEWAL,
        "Replace a worker after so many requests. 0: never.",
    )
    max_requests_jitter: int = setting(
        0,
        Number(0, 10**9),
        RENEWAL,
        "Up to so many requests more, at random, so that not all workers are replaced at once. 0: a tenth of "
        "max_requests.",
    )
    max_memory: int = setting(
        0,
        Size(0, 1 << 50),
        RENEWAL,
        "Replace a worker whose resident memory is larger than this, after the requests in hand. 0: never.",
    )
    boot_timeout: float = setting(
        60.0,
        Duration(0.1),
        RENEWAL,
        "Time for a worker to load the application and to report that it is ready. It is killed then, and counts as "
        "failed.",
    )
    heartbeat_timeout: float = setting(
        0.0,
        Duration(0.0),
        RENEWAL,
        "Replace a worker whose interpreter gave no sign of life for this time: C code that does not return and does "
        "not let others run. 0: never.",
    )
    boot_retries: int = setting(
        5,
        Number(0, 1000),
        RENEWAL,
        "When workers fail to become ready so many times in a row and none serves, the program ends with status 3. "
        "Between them it waits longer each time. 0: it never gives up.",
    )

    request_slowlog_timeout: float = setting(
        0.0,
        Duration(0.0),
        WATCHING,
        "Write what all threads of the worker are doing to the slow log when a request takes longer than this. 0: "
        "never.",
    )
    slow_log: str = setting(
        "-",
        Path("FILE", 'a file name, or "-" for the error log'),
        WATCHING,
        'The file for slow requests; "-" is the error log.',
    )
    request_terminate_timeout: float = setting(
        0.0,
        Duration(0.0),
        WATCHING,
        "Kill the worker when a request takes longer than this, after the slow log was written; other requests of that "
        "worker are lost. 0: never.",
    )

    warmup: tuple[str, ...] = setting(
        (),
        Many(RequestPath()),
        RELOADING,
        "Ask the application for this path before a new worker counts as ready; an answer of 500 or above counts as "
        "failed. Can be given several times.",
    )
    reload: bool = setting(
        False,
        Switch(),
        RELOADING,
        "For development: reload when a file of the application changes. Without workers it is one worker. Faster with "
        "the package watchfiles.",
    )
    restart_file: str | None = setting(
        None,
        Path("FILE", "a file name"),
        RELOADING,
        "Reload when this file was touched.",
    )
    renew_on: str = setting(
        "change",
        Choice("WHAT", "change", "restart", "never"),
        RELOADING,
        "When a process that a web server started is to begin anew: change, when its script, a module of the "
        "application or restart.txt has changed; restart, when restart.txt was touched, and for nothing else; never.",
    )

    status: str | None = setting(
        None,
        MountPath(),
        STATUS,
        "Answer this path with the figures of the pool as php-fpm does, with ?full of its workers, with ?all of all "
        "pools: as text, or with ?json, ?openmetrics or, a page, ?html. Allow it to yourself only, in the web server.",
    )
    ping: str | None = setting(
        None,
        MountPath(),
        STATUS,
        "Answer this path with 200 and the text pong, without the application: for health checks.",
    )
    control: str | None = setting(
        None,
        Path("PATH", "a path for a Unix socket"),
        STATUS,
        "The socket for gateways status, reload and stop. Only its owner and root may use it.",
    )

    user: str | None = setting(
        None,
        Text("USER", "a user name or number"),
        PROCESS,
        "Run the application as this user, with that user's groups. Needed when started as root.",
    )
    group: str | None = setting(
        None,
        Text("GROUP", "a group name or number"),
        PROCESS,
        "Run the application with this group. Default: that of the user.",
    )
    umask: int | None = setting(
        None,
        Mode(),
        PROCESS,
        "Permissions that new files of the application do not get.",
    )
    pid_file: str | None = setting(
        None,
        Path("FILE", "a file name"),
        PROCESS,
        "Write the process id to this file, and remove it at the end.",
    )
    daemonize: bool = setting(
        False,
        Switch(),
        PROCESS,
        "Go on in the background, when all workers are ready; the exit status says whether that worked. Not needed "
        "under systemd or supervisor.",
    )

    def _derive(self, values: dict[str, Any], given: Container[str]) -> None:
        super()._derive(values, given)
        if values["reload"] and "workers" not in given:
            values["workers"] = 1  # somebody has to load the application, and somebody else to have it loaded again
        if values["worker"] == "gevent" and "threads" not in given:
            values["threads"] = 1000  # a greenlet that waits costs little more than its place on the scoreboard
