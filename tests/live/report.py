"""Write docs/reference/web-servers.md from what the live tests know: `python -m tests.live.report`."""

from __future__ import annotations

from tests.live.deployments import DEPLOYMENTS
from tests.live.differences import DIFFERENCES, VARIABLES, Difference, Variable, applies
from tests.live.sandbox import PROJECT

PAGE = PROJECT / "docs" / "reference" / "web-servers.md"

HEAD = """\
# What differs between web servers

Made from the table that the live tests use (`python -m tests.live.report`). Each row below is a deployment: the real
server, with the file of `conf/` as it stands. All of them are driven through the same requests, and one application
must see the same environ and give the same answers behind all of them, but for what is listed here. A difference that
is not listed fails a test. [What works where](matrix.md) has the same by feature.

| Deployment | File | By |
|---|---|---|
"""

ANSWERS = """
## Requests and responses

| What | Where | Why |
|---|---|---|
"""

FURTHER = """
## Variables

REQUEST_METHOD, SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI, CONTENT_TYPE, CONTENT_LENGTH, SERVER_NAME,
SERVER_PORT, SERVER_PROTOCOL, SERVER_ADDR, REMOTE_ADDR, REQUEST_SCHEME and every HTTP header are the same everywhere,
and so is what begins with `wsgi.`, where `wsgi.multithread`, `wsgi.multiprocess` and `wsgi.run_once` say what is the
case. These are not:

| Variable | Where | Why |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    servers = "".join(
        f"| {row.name} | [`{row.conf}`](../../conf/{row.conf}) | {row.transport} |\n" for row in DEPLOYMENTS
    )
    differences = "".join(f"| {'; '.join(row.what)} | {where(row)} | {row.why} |\n" for row in DIFFERENCES)
    names = "".join(
        f"| {', '.join(f'`{name}`' for name in row.names)} | {where(row)} | {row.why} |\n" for row in VARIABLES
    )
    return HEAD + servers + ANSWERS + differences + FURTHER + names


def where(row: Difference | Variable) -> str:
    """The deployments that a row is about; a server with all its deployments by its name."""
    found = []
    for family in dict.fromkeys(row.family for row in DEPLOYMENTS):
        relatives = [deployment for deployment in DEPLOYMENTS if deployment.family == family]
        affected = [deployment.name for deployment in relatives if applies(row, deployment)]
        found += [f"all {family}"] if len(affected) == len(relatives) else affected
    return ", ".join(found)


if __name__ == "__main__":
    PAGE.write_text(page())
