"""Where h2o hands requests on."""

from __future__ import annotations

import pytest

from gateways.doctor.h2o.places import EXTENSION, GLOBAL, HOST, PATH, levels, places
from gateways.doctor.h2o.syntax import Reader


def of(tmp_path, text):
    path = tmp_path / "a.conf"
    path.write_text(text)
    return list(levels(Reader(str(path)).read(str(path)).root))


WHOLE = """\
proxy.timeout.io: 1
file.custom-handler: { extension: .fcgi, fastcgi.connect: 9000 }
hosts:
  example.org:
    proxy.timeout.io: 2
    paths:
      "/a":
        proxy.reverse.url: http://127.0.0.1:1
      "/b":
        - file.dir: /srv
        - proxy.timeout.io: 3
          fastcgi.spawn: x
        - file.dir: /other
"""


def test_a_whole_one(tmp_path):
    found = of(tmp_path, WHOLE)
    assert [level.kind for level in found] == [GLOBAL, EXTENSION, HOST, PATH, PATH]
    assert [level.path.key for level in found if level.path] == ["/a", "/b"]
    assert [level.setting("proxy.timeout.io").node.text for level in found] == ["1", "1", "2", "2", "3"]
    assert found[-1].setting("user") is None
    told = [[(place.entry.key, place.behind and place.behind.key) for place in places(level)] for level in found]
    assert told == [
        [],
        [("fastcgi.connect", None)],
        [],
        [("proxy.reverse.url", None)],
        [("fastcgi.spawn", None), ("file.dir", "fastcgi.spawn")],
    ]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("x:\n  paths:\n    /:\n      file.dir: /\n", [HOST, PATH]),
        ("paths:\n  /:\n    file.dir: /\n", [HOST, PATH]),
        ("/:\n  file.dir: /\n/a: {}\n", [PATH, PATH]),
        ("file.dir: /\n", [PATH]),
        ("- file.dir: /\n- redirect: /\n", [PATH]),
        ("extension: .fcgi\nfastcgi.connect: 9000\n", [EXTENSION]),
        ("minimum-version: TLSv1.2\n", [GLOBAL]),
        ("x\n", [GLOBAL]),
        ("", [GLOBAL]),
        ("hosts: x\n", [GLOBAL]),
        ("hosts:\n  x: [1]\n  y:\n    paths: 1\n", [GLOBAL, HOST, HOST]),
    ],
)
def test_parts(tmp_path, text, kinds):
    assert [level.kind for level in of(tmp_path, text)] == kinds


def test_endings_of_files(tmp_path):
    handler = "file.custom-handler: { extension: .fcgi, fastcgi.connect: 9000 }"
    text = f"hosts:\n  x:\n    {handler}\n    paths:\n      /a:\n        file.dir: /\n        {handler}\n"
    found = of(tmp_path, text)
    assert [level.kind for level in found] == [GLOBAL, HOST, EXTENSION, PATH, EXTENSION]
    assert [level.path for level in found if level.kind == EXTENSION] == [None, None]
    assert [len(list(places(level))) for level in found] == [0, 0, 1, 0, 1]
