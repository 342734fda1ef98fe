"""What an authorizer guards, by Apache."""

from __future__ import annotations

import re

from gateways.deploy.registry import describe, generate


def guarded(text: str) -> re.Pattern[str]:
    """The expression for the paths that are guarded."""
    [found] = re.findall('<LocationMatch "(.*)">', text)
    return re.compile(found)


def test_all_but_files_and_members_at_the_root() -> None:
    static = (("/s.1", "/srv/s"),)
    [file] = generate(describe("apache", "fastcgi", ["h:1"], authorizer="127.0.0.1:9001", static=static))
    paths = ("/", "/x", "/s.1", "/sx1/", "/membersx", "/s.1/x", "/members/")
    assert [path for path in paths if guarded(file.text).match(path)] == list(paths[:5])
    assert "<Location /members/>" in file.text


def test_all_but_files_and_members_below_a_path() -> None:
    static = (("/a (b/s", "/srv/s"), ("/t", "/srv/t"))
    [file] = generate(describe("apache", "spawn", mount="/a (b", authorizer="/srv/auth.fcgi", static=static))
    paths = ("/a (b", "/a (b/", "/a (b/x", "/a (b/t/", "/a (b/s/x", "/a (b/members/", "/a (bc", "/t/x")
    assert [path for path in paths if guarded(file.text).match(path)] == list(paths[:4])
    assert '<Location "/a (b/members/">' in file.text
