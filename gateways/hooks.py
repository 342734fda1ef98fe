"""Placeholder."""

from __future__ import annotations

from typing import Any, NamedTuple


class WorkerInfo(NamedTuple):
    pool: str
    number: int
    generation: int
    pid: int
    preloaded: bool


class Hooks:
    @classmethod
    def load(cls, name: str | None) -> Hooks:
        return cls()

    def boot(self, settings: Any) -> None: ...
    def pre_fork(self, worker: WorkerInfo) -> None: ...
    def post_fork(self, worker: WorkerInfo) -> None: ...
    def ready(self, worker: WorkerInfo) -> None: ...
    def exit(self, worker: WorkerInfo, reason: str) -> None: ...
    def wrap(self, application: Any) -> Any:
        return application
