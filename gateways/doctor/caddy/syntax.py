"""Reads a Caddyfile: sites and their directives; files and snippets that are imported, in their places."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from typing import Callable

from gateways.doctor.caddy.words import Token, filled, tokens_of
from gateways.doctor.directives import DEEPEST, Directive, Fault, Files, NotIncluded, check_depth, read_text

#: The names of the blocks that have none in the file: the global options, and a site; its addresses are its arguments.
GLOBAL, SITE = "{global}", "{site}"

#: What is an address for sure, and no directive.
_ADDRESS = re.compile(r"https?://.*|(\*\.|[\w-]+\.)+[a-z]{2,}(:\d+)?,?|:\d+|localhost(:\d+)?")
#: Snippets that import others several times could make any number of lines.
_MOST_TOKENS = 1_000_000

#: What begins a file that is imported into a site; elsewhere an address would stand there.
_DIRECTIVES = frozenset((
    "reverse_proxy", "php_fastcgi", "file_server", "handle", "handle_path", "handle_errors", "route", "root", "respond",
    "redir", "rewrite", "uri", "try_files", "request_body", "request_header", "header", "encode", "log", "tls", "vars",
    "basicauth", "basic_auth", "bind", "method",
))  # fmt: skip


class Reader(Files):
    """Reads one configuration."""

    def __init__(self, asked: str) -> None:
        super().__init__(asked)
        self._snippets: dict[str, list[Token]] = {}
        self._count = 0

    def read(self, path: str) -> Directive:
        """Return a block with all sites, and the global options. Raises ``Fault``, and ``OSError`` for no file."""
        root = Directive("", (), path, 0, False, None, [])
        self._sites(root, self._load(path, False, 0), 0)
        if not root.children:
            for name, tokens in self._snippets.items():  # a file of snippets that is read alone
                self._contents(self._block(root, SITE, (name,), tokens[0]), tokens, 0) if tokens else None
        return root

    def _load(self, path: str, asked: bool, depth: int) -> list[Token]:
        tokens = list(tokens_of(read_text(path), path, self.enter(path, asked, depth)))
        self._spend(tokens)
        return tokens

    def _spend(self, tokens: Sequence[Token]) -> None:
        self._count += len(tokens)
        if self._count > _MOST_TOKENS:
            raise Fault(tokens[0].where, f"with what is imported, these are more than {_MOST_TOKENS} words")

    def _block(self, parent: Directive, name: str, args: Sequence[str], at: Token) -> Directive:
        block = Directive(name, tuple(args), at.file, at.line, at.asked, parent, [])
        _children(parent).append(block)
        return block

    def _sites(self, root: Directive, tokens: list[Token], depth: int) -> None:
        """Read what stands outside of all blocks."""
        at = 0
        while at < len(tokens):
            first = tokens[at]
            if first.is_word("import"):
                stop = _row_end(tokens, at)
                self._import(tokens[at:stop], depth, lambda inner: self._sites(root, inner, depth + 1))
                at = stop
                continue
            if first.text in _DIRECTIVES or first.text.startswith("@"):
                self._contents(self._block(root, SITE, (), first), tokens[at:], depth)
                return
            names, at = _addresses(tokens, at)
            if at < len(tokens) and tokens[at].is_word("{"):
                close = _closing_of_site(tokens, at, names[0] if names else "{")
                body, at = _inside(tokens, at, close), close + 1
            else:  # a file of one site needs no braces
                body, at = tokens[at:], len(tokens)
            if len(names) == 1 and names[0].startswith("(") and names[0].endswith(")"):
                self._snippets[names[0][1:-1]] = body
            else:
                self._contents(self._block(root, SITE if names else GLOBAL, names, first), body, depth)

    def _contents(self, block: Directive, tokens: list[Token], depth: int) -> None:
        """Read the directives in a block."""
        at = 0
        while at < len(tokens):
            first, stop = tokens[at], _row_end(tokens, at)
            if first.is_word("}"):
                raise Fault(first.where, "a } that closes nothing")
            if first.is_word("{"):
                raise Fault(first.where, "a { at the beginning of a line: it belongs to the end of the one above")
            if first.is_word("import"):
                self._import(tokens[at:stop], depth, lambda inner: self._contents(block, inner, depth + 1))
            args = tuple(token.text for token in tokens[at + 1 : stop])
            directive = Directive(first.text, args, first.file, first.line, first.asked, block)
            at = stop
            if at < len(tokens) and tokens[at].is_word("{") and tokens[at].row == first.row:
                check_depth(directive)
                close = _closing(tokens, at, first.text)
                if first.is_word("import"):  # its block is for the snippet
                    at = close + 1
                    continue
                directive.children = []
                self._contents(directive, _inside(tokens, at, close), depth)
                at = close + 1
            if not first.is_word("import"):
                _children(block).append(directive)

    def _import(self, words: list[Token], depth: int, read: Callable[[list[Token]], None]) -> None:
        if len(words) < 2:
            raise Fault(words[0].where, "import without a file or a snippet")
        name, args = words[1].text, [word.text for word in words[2:]]
        if name in self._snippets:
            if depth >= DEEPEST:
                raise Fault(words[0].where, "snippets import each other without an end")
            tokens = [one for token in self._snippets[name] for one in filled(token, args, words[0].asked)]
            self._spend(tokens or words)
            read(tokens)
        elif "{" not in name:
            self._import_files(words[0], name, args, depth, read)

    def _import_files(
        self, at: Token, pattern: str, args: list[str], depth: int, read: Callable[[list[Token]], None]
    ) -> None:
        found = sorted(glob.glob(os.path.join(os.path.dirname(at.file), pattern)))
        line = f"import {pattern}"
        if not found and not glob.has_magic(pattern):
            self.not_included.append(NotIncluded(at.where, line, at.asked))
        for path in found:
            try:
                tokens = self._load(path, at.asked, depth + 1)
            except OSError as error:
                self.not_included.append(NotIncluded(at.where, line, at.asked, error))
                continue
            read([one for token in tokens for one in filled(token, args, at.asked)])


def _addresses(tokens: list[Token], at: int) -> tuple[list[str], int]:
    """Return the addresses of a site, and the place behind them: they go on in the next line after a comma."""
    names: list[str] = []
    while at < len(tokens) and not tokens[at].is_word("{"):
        token = tokens[at]
        if token.is_word("}"):
            raise Fault(token.where, "a } that closes nothing")
        if token.text.endswith("{") and not token.quoted:
            raise Fault(token.where, f"a space is missing before the {{ of {token.text}")
        if "," in token.text[:-1] and "{" not in token.text:
            raise Fault(token.where, f"a space is missing behind the comma of {token.text}")
        names.append(token.text.rstrip(","))
        at += 1
        if at < len(tokens) and tokens[at].row != token.row and not token.text.endswith(","):
            break
    return names, at


def _row_end(tokens: list[Token], at: int) -> int:
    """Return where the words of a line end, before a brace."""
    row, stop = tokens[at].row, at + 1
    while (
        stop < len(tokens) and tokens[stop].row == row and not (tokens[stop].is_word("{") or tokens[stop].is_word("}"))
    ):
        stop += 1
    last = tokens[stop - 1]
    if last.is_word("{}"):
        raise Fault(last.where, "{} is no block to Caddy: leave it out")
    if last.text.endswith("{") and not last.quoted and last.text != "{":
        raise Fault(last.where, f"a space is missing before the {{ of {last.text}")
    return stop


def _closing(tokens: list[Token], at: int, name: str) -> int:
    """Return the place of the } that closes the { there."""
    nesting = 0
    for place in range(at, len(tokens)):
        if tokens[place].is_word("{"):
            nesting += 1
        elif tokens[place].is_word("}"):
            nesting -= 1
            if not nesting:
                return place
    raise Fault(tokens[at].where, f"the {{ of {name} is not closed")


def _closing_of_site(tokens: list[Token], at: int, name: str) -> int:
    """Return the place of the } of a site: Caddy does not miss that at the end of the file, behind another one."""
    try:
        return _closing(tokens, at, name)
    except Fault:
        if not tokens[-1].is_word("}") or sum(one.is_word("{") for one in tokens[at:]) != 1 + sum(
            one.is_word("}") for one in tokens[at:]
        ):
            raise
        for one, following in zip(tokens[at + 1 :], tokens[at + 2 :]):
            if following.is_word("{") and _ADDRESS.fullmatch(one.text):
                raise
        return len(tokens)


def _inside(tokens: list[Token], opening: int, closing: int) -> list[Token]:
    """Return what is between two braces."""
    body = tokens[opening + 1 : closing]
    if body and body[0].row == tokens[opening].row:
        raise Fault(body[0].where, f"{body[0].text} stands behind the {{: write it in a line of its own")
    return body


def _children(block: Directive) -> list[Directive]:
    assert block.children is not None
    return block.children
