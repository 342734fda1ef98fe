"""Writes docs/reference/matrix.md: what works behind which web server, by which transport.

python -m tests.tools.matrix         from the table of differences, which the live tests hold to be true
python -m tests.tools.matrix --run   from a run of these tests, now: one that fails is in its cell
"""

from __future__ import annotations

import sys
from collections.abc import Collection

import pytest

from tests.live.deployments import DEPLOYMENTS, Deployment
from tests.live.differences import DIFFERENCES
from tests.live.features import FEATURES, MODULES, Feature, differences_of, proofs, tried
from tests.live.guards import GUARDS, MULTIPLEXED
from tests.live.sandbox import PROJECT

PAGE = PROJECT / "docs" / "reference" / "matrix.md"

HEAD = """\
<!-- Written by tests/tools/matrix.py: change tests/live/features.py and tests/live/differences.py. -->

# What works where

Each column is a deployment: a real web server, with a file of `conf/` as it stands ([list](web-servers.md)). Each cell
is what tests against it have to show, or the build fails: "yes" and the notes alike.
`python -m tests.tools.matrix --run` runs them, and writes what failed into the cell.

- **yes**: it works as it does everywhere
- a number: not as everywhere. The note of this number says what is otherwise, and the tests hold it to be true
- –: not tried there, because it does not arise, or cannot be seen. (Whether connections are kept is looked up in the
  kernel's table, which has TCP only; Caddy, h2o and lighttpd never keep them.)
"""

ROLES = """\
## Roles, multiplexing, mount points, ASGI, one port

Other files of `conf/`, and tests of their own in `tests/`.

| what | behind | tests |
|---|---|---|
| FastCGI [authorizer](../howto/authorizer.md) | {guards} | `live/test_authorizer.py` |
| FastCGI [filter](../explain/fastcgi.md) | no web server sends this role: our own client | `server/test_filtering.py` |
| several requests on one connection | haproxy: `{multiplexed}` | `live/test_multiplex.py` |
| `gateways conf`, several mount points | nginx, lighttpd, caddy, haproxy, h2o | `live/test_generated.py` |
| [ASGI](../howto/asgi.md) | nginx, `fastcgi_pass` | `live/test_asgi.py` |
| [any protocol on one port](../howto/one-port.md) | our own client, each protocol | `server/test_anyport.py` |
"""


def page(failed: Collection[tuple[str, str]] = ()) -> str:
    """The whole page; ``failed`` has what failed in a run: test and deployment."""
    parts = [HEAD]
    for transport in dict.fromkeys(row.transport for row in DEPLOYMENTS):
        columns = [row for row in DEPLOYMENTS if row.transport == transport]
        parts.append(f"\n## {TITLES.get(transport, transport)}\n\n")
        parts += table(columns, failed)
    guards = ", ".join(f"{guard.server}: `{guard.conf}`" for guard in GUARDS)
    parts.append("\n" + ROLES.format(guards=guards, multiplexed=MULTIPLEXED))
    parts.append("\n## Notes\n\n")
    parts += [f"{number}. {row.what[0]}: {row.why}\n" for number, row in enumerate(DIFFERENCES, 1)]
    return "".join(parts)


TITLES = {"resident": "Resident CGI", "fastcgi": "FastCGI", "scgi": "SCGI", "cgi": "CGI", "ajp": "AJP", "http": "HTTP"}


def table(columns: list[Deployment], failed: Collection[tuple[str, str]]) -> list[str]:
    """The lines for some deployments."""
    lines = [f"| | {' | '.join(column.name for column in columns)} |\n", f"|---|{'---|' * len(columns)}\n"]
    for group, features in FEATURES.items():
        lines.append(f"| **{group}** |{' |' * len(columns)}\n")
        for feature in features:
            cells = " | ".join(cell(feature, column, failed) for column in columns)
            lines.append(f"| {feature.title} | {cells} |\n")
    return lines


def cell(feature: Feature, deployment: Deployment, failed: Collection[tuple[str, str]]) -> str:
    """The result of a feature's tests in a deployment."""
    tests = proofs(feature)
    broken = [test for test in tests if (test, deployment.name) in failed]
    if broken:
        return f"**FAILED**: {', '.join(broken)}"
    numbers = [DIFFERENCES.index(row) + 1 for row in differences_of(feature, deployment)]
    if numbers:
        return ", ".join(map(str, numbers))
    return "yes" if any(deployment in tried(test) for test in tests) else "–"


class Recorder:
    """A plugin of pytest that keeps which tests failed in which deployment, and what was tried."""

    def __init__(self) -> None:
        self.failed: set[tuple[str, str]] = set()
        self.seen: set[tuple[str, str]] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> object:
        """After each phase of a test: one that did not pass, has failed, skipped ones too."""
        report = yield
        callspec = getattr(item, "callspec", None)
        if callspec is not None and "booted" in callspec.params and isinstance(item, pytest.Function):
            module = item.module.__name__.rpartition("test_")[2]
            result = f"{module}.{item.originalname[len('test_') :]}", callspec.params["booted"].name
            self.seen.add(result)
            if not report.passed:
                self.failed.add(result)
        return report


def run() -> set[tuple[str, str]]:
    """Run the tests; return what failed, or was to be run and was not."""
    recorder = Recorder()
    pytest.main(
        ["-q", "-p", "no:cacheprovider", *(str(PROJECT / f"tests/live/test_{name}.py") for name in MODULES)],
        plugins=[recorder],
    )
    wanted = {
        (test, deployment.name)
        for features in FEATURES.values() for feature in features
        for test in proofs(feature) for deployment in tried(test)
    }  # fmt: skip
    return recorder.failed | (wanted - recorder.seen)


def main(arguments: list[str]) -> int:
    """Write the page; the exit status says whether a test failed."""
    failed = run() if "--run" in arguments else set()
    PAGE.write_text(page(failed))
    print(f"{PAGE.relative_to(PROJECT)}: {len(failed)} failed" if failed else f"{PAGE.relative_to(PROJECT)}: written")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
