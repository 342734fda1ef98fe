"""gateways.core.posthooks: every hook is called once, in order, whatever the others do."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any

from gateways.core import posthooks


def test_both_names_are_one_list() -> None:
    environ: dict[str, Any] = {}
    hooks = posthooks.offer(environ)
    assert hooks == []
    assert environ["gateways.posthooks"] is environ["eventlet.posthooks"] is hooks


def test_each_is_called_with_the_environ_and_what_was_given() -> None:
    environ: dict[str, Any] = {}
    called: list[Any] = []
    complaints: list[BaseException] = []

    def note(environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        called.append((environ["x"], args, kwargs))

    def fail(environ: dict[str, Any]) -> None:
        raise SystemExit("no")

    def add(environ: dict[str, Any]) -> None:
        environ["gateways.posthooks"].append((note, (3,), {}))

    hooks = posthooks.offer(environ)

    def cancel(environ: dict[str, Any]) -> None:
        raise CancelledError

    hooks += [(cancel, (), {}), (note, (1,), {"a": 2}), (fail, (), {}), ("no hook",), (add, (), {})]  # type: ignore[list-item]
    environ["x"] = "y"
    posthooks.run(environ, complaints.append)
    assert called == [("y", (1,), {"a": 2}), ("y", (3,), {})]
    assert [type(error) for error in complaints] == [CancelledError, SystemExit, ValueError]
    posthooks.run(environ, complaints.append)
    assert len(called) == 2


def test_without_a_list_there_is_nothing_to_do() -> None:
    posthooks.run({}, lambda error: None)
