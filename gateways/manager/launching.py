"""From a plan to a running master: everything is opened and checked here, before the first worker is forked."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from gateways.adapters.standardstreams import complete_standard_streams
from gateways.config.here import working_directory
from gateways.errors import ConfigError
from gateways.manager.assembly import add_pool, open_board
from gateways.manager.citizenship import Citizenship
from gateways.manager.command import Command
from gateways.manager.daemon import Daemon, daemonize
from gateways.manager.desk import Desk
from gateways.manager.facts import Facts
from gateways.manager.handover import read
from gateways.manager.master import Master
from gateways.manager.operations import Operations
from gateways.manager.subreaper import become_subreaper
from gateways.manager.takeover import Takeover
from gateways.manager.titles import set_title
from gateways.manager.trial import report, try_out
from gateways.manager.upgrading import Upgrading
from gateways.manager.watch import ChangedFiles, RestartFile
from gateways.server.errorlog import ErrorLog
from gateways.server.opening import addresses_of, addresses_to_serve, count, renew_certificates
from gateways.server.privileges import Privileges
from gateways.settings.listening import LISTENERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateways.config import Plan, PoolPlan
    from gateways.manager.control import ControlSocket


def launch_plan(plan: Plan) -> int:
    """Run a master for the pools of ``plan`` until a signal ends it.

    Returns the exit code of ``Master.run``. Raises ``ConfigError`` and ``BindError`` before anything was forked.
    """
    command = Command.of_this_process()
    complete_standard_streams()
    handover = read(os.environ)
    if handover is not None and handover.trial:
        try_out(plan, handover)
        report()
        return 0
    privileges = {pool.name: Privileges.of(pool.settings) for pool in plan.pools}  # before a file is made as root
    daemon = daemonize() if plan.master.daemonize and handover is None else Daemon()
    with ExitStack() as stack:
        stack.enter_context(daemon)
        error_log = ErrorLog(plan.master.error_log, plan.master.log_level)
        stack.callback(error_log.close)
        for notice in plan.notices:
            error_log.notice(notice)
        if plan.master.ignored_variables:
            error_log.notice(f"no settings, ignored: {', '.join(plan.master.ignored_variables)}")
        takeover = Takeover(handover, error_log)
        pid_file = takeover.pid_file(plan.master.pid_file)
        if pid_file is not None:
            stack.callback(pid_file.remove)
        master = _make_master(plan, privileges, takeover, error_log, stack)
        control = _open_control(plan, takeover, master, stack)
        Upgrading(master, command, plan.file, control, pid_file)
        Citizenship(master, daemon)
        set_title(f"gateways: master of {', '.join(pool.name for pool in plan.pools)}")
        code = master.run()
        master.operations.stopped()
        error_log.notice("stopped" if code == 0 else "stopped with requests in hand")
        return code


def _make_master(
    plan: Plan, privileges: Mapping[str, Privileges], takeover: Takeover, error_log: ErrorLog, stack: ExitStack
) -> Master:
    if not become_subreaper() and any(pool.settings.preload for pool in plan.pools):
        raise ConfigError("preload: this system does not let the master have the workers that another process forks")
    most = sum(pool.settings.workers for pool in plan.pools)
    board, dumps = open_board(takeover, most, max(pool.settings.threads for pool in plan.pools), stack)
    master = Master(error_log, board, dumps)
    for pool in plan.pools:
        _open_pool(pool, privileges[pool.name], len(plan.pools) == 1, takeover, master, stack)
    facts = Facts(master)
    master.operations = Operations(master, facts.status)
    takeover.begin(master, monotonic())
    master.operations.last = takeover.ticket
    for pool_of_master in master.pools:
        pool_of_master.on_changed = ChangedFiles(partial(_reload, master, pool_of_master.name)).changed
    if plan.master.restart_file is not None:
        master.helpers.append(RestartFile(plan.master.restart_file, partial(_reload, master, None)).tick)
    return master


def _reload(master: Master, pool: str | None, why: str) -> None:
    """Begin a reload that nobody waits for."""
    if not master.stopping:
        master.error_log.notice(f"{why}: reloading")
        master.operations.reload(pool, why)


def _open_control(plan: Plan, takeover: Takeover, master: Master, stack: ExitStack) -> ControlSocket | None:
    control = takeover.control(plan.master.control, master.operations)
    if control is not None:
        stack.callback(control.close)
        Desk(control, master)
    return control


def _open_pool(
    plan: PoolPlan, privileges: Privileges, only: bool, takeover: Takeover, master: Master, stack: ExitStack
) -> None:
    settings = plan.settings
    addresses = addresses_of(settings) or takeover.addresses_of(plan.name)
    if not addresses and not only:
        raise ConfigError(f"pool {plan.name} has nothing to listen on: give it {' or '.join(LISTENERS)}")
    listeners = takeover.listen(addresses or addresses_to_serve(settings), settings, stack)
    pool = add_pool(
        *(master, takeover, stack, settings),
        name=plan.name,
        application=plan.application,
        listeners=listeners,
        privileges=privileges,
        directory=working_directory(),
    )
    master.on_reload.append(partial(renew_certificates, listeners, master.error_log))
    for listener in listeners:
        workers = count(settings.workers, "worker")
        master.error_log.notice(
            f"serving {listener.spoken} on {listener.address}: {plan.application}, {settings.pm}, {workers}"
        )
    takeover.adopt(pool, monotonic())
