"""What the live tests try behind every web server, in the words of a person who asks what works where.

A new test of a deployment needs a feature here, and a new difference one that it is about: test_differences.py says
so. A new deployment needs nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.live.deployments import DEPLOYMENTS, Deployment
from tests.live.differences import DIFFERENCES, NO_LENGTH, STREAM, WITH_LENGTH, Difference, applies

MODULES = ("environ", "requests", "responses", "frameworks", "demo")
"""The modules of tests/live whose tests run in deployments."""


@dataclass(frozen=True)
class Feature:
    """What works, the tests that show it, and which differences (patterns of their names) are about it."""

    title: str
    tests: tuple[str, ...]
    """MODULE.FUNCTION, without the ``test_`` of both."""
    differences: tuple[str, ...] = ()


FEATURES = {
    "Requests": (
        Feature("GET, POST, PUT, DELETE, OPTIONS, PATCH", ("requests.method",), ("method *",)),
        Feature(
            "path decoded once, to bytes", ("requests.path", "requests.url_of_a_request_for_another_host"),
            ("path *",),
        ),
        Feature(
            "mounted below a path",
            ("requests.the_mount_point_itself", "requests.a_neighbour_of_the_mount_point_is_not_ours"),
        ),
        Feature(
            "query as it was sent", ("requests.query_string", "requests.query_string_is_always_there"),
            ("query normalised",),
        ),
        Feature(
            "every variable, the same everywhere",
            ("environ.environ_is_the_same_everywhere", "environ.every_further_variable_is_documented",
             "environ.all_values_are_text", "requests.http_1_0_without_host"),
            ("no *",),
        ),
        Feature(
            "header fields: repeated, Latin-1, 7 kB",
            ("requests.repeated_headers_are_joined", "requests.a_header_with_bytes_beyond_ascii",
             "requests.a_long_header"),
        ),
        Feature("folded header field", ("requests.a_folded_header",), ("folded *",)),
        Feature("two Cookie lines", ("requests.repeated_cookies_are_joined",), ("cookie *",)),
        Feature("Authorization", ("requests.authorization", "requests.authorization_is_not_a_user")),
        Feature(
            "no header forged: `Proxy`, `X_User`, `Content_Length`",
            ("requests.proxy_header_does_not_become_a_setting", "requests.underscore_does_not_replace_a_header",
             "requests.content_length_with_an_underscore_is_not_the_length"),
        ),
        Feature("Expect: 100-continue", ("requests.a_client_that_waits_before_it_sends_the_body",)),
        Feature("body of 10 MiB", ("requests.body",)),
        Feature("chunked upload of 1 MiB", ("requests.chunked_body",), ("*chunked upload *",)),
        Feature("upload that is not read", ("requests.a_body_that_is_not_read",), ("upload that nobody reads *",)),
    ),
    "Responses": (
        Feature(
            "status, reason, repeated and Latin-1 header fields", ("responses.status_and_headers",),
            ("reason phrase *",),
        ),
        Feature("any status, from 201 to 599", ("responses.any_status",)),
        Feature("header field of 7 kB", ("responses.a_long_header_of_a_response",), ("long response header *",)),
        Feature("HEAD", ("responses.head", "responses.head_of_a_stream")),
        Feature("204, 302, 304", ("responses.not_modified", "responses.no_content", "responses.redirect")),
        Feature("10 MiB without a length", ("responses.large_response",)),
        Feature(
            "streaming: each piece at once",
            ("responses.first_block_of_a_stream_arrives_while_the_application_waits",), ("stream held back",),
        ),
        Feature(
            "`close()` when the client leaves", ("responses.client_that_leaves_closes_the_iterable",),
            ("process killed *",),
        ),
        Feature(
            "500 for an error", ("responses.error_before_the_response", "responses.error_before_the_first_block"),
        ),
        Feature(
            "what breaks off does not look whole",
            ("responses.half_a_response_is_not_a_whole_one", "responses.half_a_stream_is_not_a_whole_one"),
            (NO_LENGTH, WITH_LENGTH, STREAM),
        ),
        Feature(
            "`wsgi.errors` in the server's log",
            ("responses.errors_stream_is_logged", "responses.text_for_the_log_arrives_before_the_response"),
            ("errors stay *",),
        ),
        Feature("`print()` does no harm", ("responses.printing_does_not_damage_the_response",)),
        Feature(
            "nothing that `wsgiref.validate` reports",
            ("responses.wsgiref_validate_has_nothing_to_complain_about",),
        ),
        Feature("connections are kept", ("responses.connections_to_the_backend_are_kept",), ("a connection *",)),
    ),
    "Applications": (
        Feature("Flask and Django: URLs, forms, uploads, sessions, streams, files", ("frameworks.*",)),
        Feature(
            "the demo, with its scripts", ("demo.*",), (NO_LENGTH,),
        ),
    ),
}  # fmt: skip


def tried(test: str) -> list[Deployment]:
    """The deployments in which a test runs: all, or those that its mark `where` names."""
    module, _, name = test.partition(".")
    function: Any = getattr(importlib.import_module(f"tests.live.test_{module}"), f"test_{name}")
    chosen: list[Deployment] = list(DEPLOYMENTS)
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "parametrize" and mark.args[0] == "booted":
            chosen = list(mark.args[1])
    return chosen


def all_tests() -> list[str]:
    """All tests that run in deployments, as features name them."""
    found = []
    for name in MODULES:
        module = importlib.import_module(f"tests.live.test_{name}")
        for attribute, function in vars(module).items():
            if attribute.startswith("test_") and "site" in getattr(function, "__annotations__", {}):
                found.append(f"{name}.{attribute[len('test_') :]}")
    return found


def proofs(feature: Feature) -> list[str]:
    """The tests of a feature."""
    return [test for test in all_tests() if any(fnmatchcase(test, pattern) for pattern in feature.tests)]


def differences_of(feature: Feature, deployment: Deployment) -> Sequence[Difference]:
    """What is declared to be otherwise about a feature in a deployment."""
    return [row for row in DIFFERENCES if applies(row, deployment) and belongs(row, feature)]


def belongs(row: Difference, feature: Feature) -> bool:
    """Say whether a difference is about the feature."""
    return any(fnmatchcase(what, pattern) for what in row.what for pattern in feature.differences)
