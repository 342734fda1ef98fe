"""Writes and takes away what ``gateways init`` makes, and nothing else: what a person wrote or changed stays."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gateways.deploy.hosting.files import Site, hello_text, htaccess_text, script_text
from gateways.deploy.hosting.marks import find_block, is_marked, is_unchanged, mark_block
from gateways.errors import ConfigError, GatewayError

WRITE, KEEP, SAME, REMOVE = "wrote", "kept", "unchanged", "removed"

#: Bytes of a file that are read: what we write is smaller, and what is larger is not ours.
_MAX_SIZE = 1 << 20

#: The same of an ``.htaccess`` of somebody else, which our lines are added to: lists of refused addresses are long.
_MAX_HTACCESS = 16 << 20


@dataclass(frozen=True)
class Step:
    """One file and what is done with it. ``text`` is what will be in it; None takes it away. ``why`` is for people."""

    action: str
    path: str
    text: str | None = None
    mode: int = 0o644
    why: str = ""


def plan(site: Site, hello: bool, add: bool) -> list[Step]:
    """Return what has to be done for a site. Nothing is written yet.

    ``hello`` adds a page to begin with, ``add`` our lines to an ``.htaccess`` that is there. Raises ``ConfigError``
    where a file is in the way that we did not write.
    """
    steps = [_file(site.script, script_text(site), 0o755, "--name OTHER gives the script another name")]
    if hello:
        page = os.path.join(site.application.directory, "app.py")
        steps.append(_file(page, hello_text(), 0o644, "leave --hello out: it is your application"))
    if not site.plain:
        steps.append(_htaccess(site, add))
    other = replace(site, cgi=not site.cgi).script
    if is_unchanged(read_ours(other)):  # from the last time; without a handler, its source would be sent
        steps.append(Step(REMOVE, other))
    return steps


def plan_removal(directory: str) -> list[Step]:
    """Return what has to be taken away again: what is ours and unchanged."""
    steps = []
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise ConfigError(f"{directory!r}: {error.strerror}; give the directory of the site") from None
    for name in names:
        path = os.path.join(directory, name)
        if name.endswith((".cgi", ".fcgi")) or name == "app.py":
            text = read_ours(path)
            if is_marked(text):
                steps.append(Step(REMOVE, path) if is_unchanged(text) else _kept(path))
    path = os.path.join(directory, ".htaccess")
    text = _read_htaccess(path) if os.path.isfile(path) else ""
    block = find_block(text)
    if block is not None and not block.unchanged:
        steps.append(_kept(path))
    elif block is not None:
        rest = text[: block.start] + text[block.end :]
        if not block.whole and (text[: block.start] == "\n" or text[: block.start].endswith("\n\n")):
            rest = rest[: block.start - 1] + rest[block.start :]  # the empty line before it is ours, too
        steps.append(Step(REMOVE, path, None if block.whole and not rest.strip() else rest, _mode(path)))
    return steps


def carry_out(steps: list[Step]) -> Iterator[Step]:
    """Do it, one after another; yield each that is done. Raises ``GatewayError`` for what the system refuses."""
    for step in steps:
        try:
            if step.action == WRITE or (step.action == REMOVE and step.text is not None):
                _write(step.path, step.text or "", step.mode)
            elif step.action == REMOVE:
                os.unlink(step.path)
        except OSError as error:
            raise GatewayError(f"{step.path}: {error.strerror}; run as the owner of the directory") from None
        yield step


def _file(path: str, text: str, mode: int, otherwise: str) -> Step:
    if not os.path.lexists(path):
        return Step(WRITE, path, text, mode)
    present = read_ours(path)
    if not is_marked(present):
        raise ConfigError(f"{path} is there already, and not from gateways init: {otherwise}")
    if not is_unchanged(present):
        return _kept(path)
    if present == text and stat.S_IMODE(os.stat(path).st_mode) & 0o755 == mode:
        return Step(SAME, path)
    return Step(WRITE, path, text, mode)


def _htaccess(site: Site, add: bool) -> Step:
    path, lines = site.htaccess, htaccess_text(site)
    if not os.path.lexists(path):
        return Step(WRITE, path, mark_block(lines, whole=True))
    present = _read_htaccess(path)
    block = find_block(present)
    if block is None:
        if not add:
            raise ConfigError(
                f"{path} is there already, and not from gateways init: --add-to-htaccess puts marked lines at its end "
                "and leaves the rest as it is"
            )
        present += "" if present.endswith("\n") or not present else "\n"
        return Step(WRITE, path, f"{present}\n{mark_block(lines, whole=False)}", _mode(path))
    if not block.unchanged:
        return _kept(path)
    text = present[: block.start] + mark_block(lines, block.whole) + present[block.end :]
    return Step(SAME, path) if text == present else Step(WRITE, path, text, _mode(path))


def _kept(path: str) -> Step:
    return Step(KEEP, path, why="somebody has changed it since")


def _mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def read_ours(path: str) -> str:
    """Return the text of a file that may be ours, "" where there is none or it is too large. Raises ``ConfigError``."""
    data = _bytes(path, _MAX_SIZE)
    return "" if data is None or len(data) > _MAX_SIZE else data.decode("utf-8", "surrogateescape")


def _read_htaccess(path: str) -> str:
    """Return the whole text, which is written again. Raises ``ConfigError`` where that cannot be had."""
    data = _bytes(path, _MAX_HTACCESS)
    if data is None:
        broken = os.path.islink(path) and not os.path.exists(path)
        what = f"is a link to {os.readlink(path)!r}, which does not exist" if broken else "is no file"
        raise ConfigError(f"{path} {what}; take it away, and try again")
    if len(data) > _MAX_HTACCESS:
        raise ConfigError(
            f"{path} is larger than {_MAX_HTACCESS >> 20} MiB, and Apache reads it for each request; make it smaller"
        )
    return data.decode("utf-8", "surrogateescape")


def _bytes(path: str, limit: int) -> bytes | None:
    """Return a byte more than ``limit`` where there is so much; None where there is no file. A pipe is never opened."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return file.read(limit + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; run as the owner of the directory") from None


def _write(path: str, text: str, mode: int) -> None:
    """Write a file so that the web server sees the old or the new one; it belongs to whom the directory belongs to."""
    path = os.path.realpath(path)
    directory = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(prefix=".gateways-", dir=directory)
    try:
        with open(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            owner = os.stat(path if os.path.exists(path) else directory)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fchmod(file.fileno(), mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
