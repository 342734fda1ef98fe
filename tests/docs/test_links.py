"""Links and commands in the text of the pages: they lead somewhere, on a forge and on the site, and they exist."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path

import pytest

from gateways.settings import Settings
from tests.docs.blocks import DOCS, PAGES, blocks, name_of, prose
from tests.support.source import CHECKOUT

LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")

ALL = [*PAGES, CHECKOUT / "CHANGELOG.md"]


def anchors(path: Path) -> set[str]:
    """Return the anchors that a forge gives to the headings of a page."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.append(anchor if anchor not in found else f"{anchor}-{found.count(anchor)}")
    return set(found)


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    wrong = []
    for target, anchor in LINK.findall(prose(path)):
        if re.match(r"https?://|mailto:", target):
            continue
        assert not target.startswith("/"), f"{target}: a forge knows no absolute paths"
        page = (path.parent / target).resolve() if target else path
        if not page.exists() or (anchor and page.suffix == ".md" and anchor not in anchors(page)):
            wrong.append(f"{target}#{anchor}")
    assert wrong == []


def test_an_anchor_is_that_of_a_forge() -> None:
    assert {"what-to-know", "from-uwsgi", "mod_proxy_ajp"} <= {
        *anchors(DOCS / "howto/nginx.md"), *anchors(DOCS / "howto/apache.md"),
    }  # fmt: skip
    assert "tls-and-who-the-client-is" in anchors(DOCS / "howto/http.md")


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_pictures_have_words(path: Path) -> None:
    for words, target in IMAGE.findall(prose(path)):
        assert len(words) > 10, target
        picture = (path.parent / target).resolve()
        assert picture.stat().st_size < 150_000, f"{target} is large"


def test_every_page_is_in_the_index() -> None:
    """A page that the index does not name is in no side bar: add it to docs/index.md."""
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    named = {match[0].removesuffix(".md") for match in re.findall(r"\]\(([^)\s#]+\.md)(#[^)]*)?\)", index)}
    pages = {name_of(path) for path in PAGES if path.is_relative_to(DOCS)} - {"index"}
    assert named == pages


def test_the_readme_leads_into_the_tutorial() -> None:
    assert "(docs/tutorial.md)" in (CHECKOUT / "README.md").read_text(encoding="utf-8")


def inline_commands() -> list[str]:
    """Return the commands of ours in the text of the pages, ``such as gateways get --fastcgi ADDR PATH``."""
    found = set()
    for path in PAGES:
        for code in re.findall(r"`([^`]+)`", prose(path)):
            if re.match(r"gateways [a-z][a-z-]+ ", code) and not re.search(r"\.\.\.|…|\[| NAME\b", code):
                found.add(" ".join(code.split()))
    return sorted(found)


@pytest.mark.parametrize("command", inline_commands())
def test_a_command_in_the_text_can_be_given(command: str) -> None:
    """By the command's own parser, and for serve with the values that settings allow."""
    name, *words = shlex.split(command.split(" && ", maxsplit=1)[0])[1:]
    parser = argparse.ArgumentParser(exit_on_error=False)
    module = importlib.import_module(f"gateways.commands.{name.replace('-', '_')}")
    module.add_arguments(parser)
    for action in parser._actions:  # text may leave out what is not its subject
        action.required = False
    if words[-1:] == ["--help"]:
        return
    last = parser._option_string_actions.get(words[-1]) if words else None
    if last and last.nargs is None:
        return  # it is there, and is all that is said: `gateways serve --ping`
    for placeholder, value in (("ADDR", ":9000"), ("N", "2"), ("PATH", "/x")):
        words = [value if word == placeholder else word for word in words]
    given = vars(parser.parse_args(words))
    if name == "serve":
        Settings.load(
            {}, {key: value for key, value in given.items() if key in Settings.settings and value is not None}
        )


def test_there_are_some() -> None:
    assert len(inline_commands()) > 10
    assert len(blocks("sh")) > 30
