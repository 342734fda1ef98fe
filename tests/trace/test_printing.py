"""Lines for a person, JSON for a program."""

from __future__ import annotations

import json

from gateways.trace.items import Item
from gateways.trace.printing import Printer, Style

ITEM = Item(
    "PARAMS", ["id 1"], [(b"HTTP_X", b"a\x1b[2Jb\n\xff"), (b"HTTP_COOKIE", b"a=b")], 1, b"password=geheim&x", "why\x07"
)


def lines(style: Style, item: Item = ITEM, backend: bool | None = False) -> list[str]:
    return list(Printer(style).lines(7, 1.23456, backend, item))


def test_for_a_person() -> None:
    assert lines(Style()) == [
        "#7      1.2346  > PARAMS           id 1  1 byte",
        "                 malformed: why\\x07",
        "                   HTTP_X = a\\x1b[2Jb\\n\xff",
        "                   HTTP_COOKIE = a=****",
        '                   "password=****&x"',
    ]


def test_secrets_are_shown_when_asked_for() -> None:
    text = "\n".join(lines(Style(secrets=True)))
    assert "HTTP_COOKIE = a=b" in text
    assert "password=geheim" in text


def test_a_body_is_cut_after_it_was_masked() -> None:
    assert lines(Style(body=12))[-1].endswith('"password=***" …')
    assert lines(Style(body=0))[-1].endswith("a=****")


def test_a_request_line_is_masked() -> None:
    item = Item("request", ["GET /?token=x HTTP/1.1"])
    assert "GET /?token=**** HTTP/1.1" in lines(Style(), item)[0]
    assert "GET /?token=x HTTP/1.1" in lines(Style(secrets=True), item)[0]


def test_sides_and_colours() -> None:
    assert "  < " in lines(Style(), backend=True)[0]
    assert "  = " in lines(Style(), backend=None)[0]
    assert "\x1b[31;1mmalformed: why\\x07\x1b[0m" in lines(Style(colours=True))[1]
    assert not any("\x1b" in line for line in lines(Style()))


def test_json() -> None:
    [line] = lines(Style(as_json=True))
    assert json.loads(line) == {
        "connection": 7,
        "seconds": 1.23456,
        "from": "web server",
        "what": "PARAMS",
        "facts": ["id 1"],
        "size": 1,
        "variables": [["HTTP_X", "a\x1b[2Jb\n\xff"], ["HTTP_COOKIE", "a=****"]],
        "start": "password=****&x",
        "malformed": "why\x07",
    }
    assert line.isascii()
    assert line.isprintable()
    [line] = lines(Style(as_json=True), Item("CPING"), None)
    assert json.loads(line) == {"connection": 7, "seconds": 1.23456, "from": "trace", "what": "CPING"}
