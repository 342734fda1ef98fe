"""A master and a pool in the test's own process; nothing is forked."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from gateways.manager.assembly import add_pool, open_board
from gateways.manager.master import Master
from gateways.manager.takeover import Takeover
from gateways.server.errorlog import ErrorLog
from gateways.server.privileges import Privileges
from gateways.settings import Settings


def test_a_pool_and_its_logs(tmp_path: Path) -> None:
    logs = [tmp_path / "access", tmp_path / "slow"]
    given: dict[str, object] = {
        "access_log": str(logs[0]),
        "slow_log": str(logs[1]),
        "request_slowlog_timeout": 1.0,
        "workers": 2,
    }
    settings = Settings.load(keywords=given)
    with ExitStack() as stack:
        error_log = ErrorLog(str(tmp_path / "errors"), "notice")
        stack.callback(error_log.close)
        takeover = Takeover(None, error_log)
        board, dumps = open_board(takeover, 2, 1, stack)
        stack.callback(board.close)
        assert board.slots > 2 * 2, "workers of two reloads find room beside those that drain"
        master = Master(error_log, board, dumps)
        pool = add_pool(
            *(master, takeover, stack, settings),
            name="one",
            application="x:y",
            listeners=[],
            privileges=Privileges.of(settings, spawned=True),
        )
        assert master.pools == [pool]
        assert pool.name == "one"
        for path in logs:
            os.rename(path, f"{path}.1")
        for reopen in master.on_reopen:
            reopen()
        assert all(path.exists() for path in logs)
