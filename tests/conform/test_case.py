"""Fair requests, and how a trial is graded."""

from __future__ import annotations

import pytest

from gateways.conform.case import DIFFERS, FAIL, PASS, Fair, Trial
from gateways.conform.seen import Seen


@pytest.mark.parametrize(
    ("right", "also", "grade"), [(True, False, PASS), (False, True, DIFFERS), (False, False, FAIL), (True, True, PASS)]
)
def test_grades(right: bool, also: bool, grade: str) -> None:
    assert Trial((), lambda seen: right, lambda seen: also).judge(Seen()) == grade


def test_what_is_not_right_and_has_no_other_way_fails() -> None:
    assert Trial((), lambda seen: False).judge(Seen()) == FAIL


def test_a_fair_request_has_the_path_the_query_and_what_is_added() -> None:
    fair = Fair("/a%20b?x=1", [(b"SCRIPT_FILENAME", b"/srv/a.php"), (b"SERVER_NAME", b"other.test")])
    found = dict(fair.get((b"HTTP_X", b"1")))
    assert (found[b"PATH_INFO"], found[b"REQUEST_URI"], found[b"QUERY_STRING"]) == (b"/a b", b"/a%20b?x=1", b"x=1")
    assert (found[b"SCRIPT_FILENAME"], found[b"SERVER_NAME"], found[b"HTTP_X"]) == (b"/srv/a.php", b"other.test", b"1")
    assert fair.post(b"+5")[:2] == ((b"CONTENT_LENGTH", b"+5"), (b"REQUEST_METHOD", b"POST"))
