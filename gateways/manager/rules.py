"""The numbers a policy goes by."""

from __future__ import annotations

from dataclasses import dataclass

from gateways.errors import ConfigError
from gateways.settings import Settings


@dataclass(frozen=True)
class Rules:
    """What the settings of one pool say about its workers. Times are seconds; 0 switches a limit off."""

    #: Never more of one generation than this.
    workers: int
    #: static, dynamic or ondemand.
    mode: str = "static"
    start_workers: int = 0
    min_spare: int = 1
    max_spare: int = 3
    idle_timeout: float = 10.0
    boot_timeout: float = 60.0
    boot_retries: int = 5
    heartbeat_timeout: float = 0.0
    graceful_timeout: float = 30.0
    slowlog_timeout: float = 0.0
    terminate_timeout: float = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Take the numbers from ``settings``; raises ``ConfigError`` when they contradict each other."""
        if settings.workers < 1:
            raise ConfigError("workers: a pool needs at least 1")
        if settings.pm == "dynamic" and settings.min_spare > settings.max_spare:
            raise ConfigError(
                f"min_spare: {settings.min_spare} is more than max_spare, which is {settings.max_spare}: workers would "
                "be started and stopped again and again; raise max_spare"
            )
        return cls(
            workers=settings.workers,
            mode=settings.pm,
            start_workers=settings.start_workers,
            min_spare=settings.min_spare,
            max_spare=settings.max_spare,
            idle_timeout=settings.idle_timeout,
            boot_timeout=settings.boot_timeout,
            boot_retries=settings.boot_retries,
            heartbeat_timeout=settings.heartbeat_timeout,
            graceful_timeout=settings.graceful_timeout,
            slowlog_timeout=settings.request_slowlog_timeout,
            terminate_timeout=settings.request_terminate_timeout,
        )

    @property
    def first(self) -> int:
        """How many workers to begin with."""
        if self.mode == "static":
            return self.workers
        if self.mode == "ondemand":
            return 0
        halfway = self.min_spare + (self.max_spare - self.min_spare) // 2
        return min(self.start_workers or halfway, self.workers)
