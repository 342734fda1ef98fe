"""The tables of the file: ``[gateways]`` for the master and as defaults, and ``[pool.NAME]`` for each pool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gateways.config.lines import Path
from gateways.config.tomlfile import TomlFile
from gateways.declared import Layer, nearest
from gateways.escaping import escape
from gateways.settings import Settings
from gateways.settings.managing import OF_THE_MASTER
from gateways.values import Many, Mode, Pair

#: The key that is no setting: what a pool serves.
APPLICATION = "application"

_POOL_NAME = re.compile("[A-Za-z0-9_-]{1,32}")


class Table:
    """One table of settings: ``[gateways]`` or ``[pool.NAME]``."""

    def __init__(self, file: TomlFile, path: Path) -> None:
        self.file = file
        self.path = path
        self.application: object = None
        self.values: dict[str, object] = {}

    def __str__(self) -> str:
        return f"[{'.'.join(map(str, self.path))}]"

    def where(self, name: str = "") -> str:
        """Name file, line, table and key, for the beginning of a message."""
        path = (*self.path, *name.split(".")) if name else self.path
        return f"{self.file.where(path)}: {self} {escape(name)}".rstrip()

    def layer(self, directory: str) -> Layer:
        """Return its values as a layer of settings; relative paths start at ``directory``."""
        return Layer(self.file.name, str, self.values, directory, self.where)


class Tables(NamedTuple):
    """What a file declares. ``pools`` have their names, in the order of the file."""

    gateways: Table
    pools: dict[str, Table]


def read_tables(file: TomlFile, problems: list[str]) -> Tables:
    """Sort the contents of ``file``. What is at the wrong place or unknown is added to ``problems``, and left out."""
    tables = Tables(Table(file, ("gateways",)), {})
    for name, value in file.tables.items():
        if name == "gateways" and isinstance(value, dict):
            _fill(tables.gateways, value, problems)
        elif name == "pool" and isinstance(value, dict):
            _read_pools(file, value, tables.pools, problems)
        else:
            problems.append(f"{file.where((name,))}: {_misplaced(escape(name), value)}")
    return tables


def _misplaced(name: str, value: object) -> str:
    if not isinstance(value, dict):
        if name in ("gateways", "pool"):
            meant = "[gateways]" if name == "gateways" else "[pool.NAME]"
            return f"{name} is a table; write {meant} and its keys below"
        if name in (APPLICATION, *Settings.settings):
            return f"{name} stands before the first table; it belongs under [gateways] or [pool.NAME]"
        return f"{name} is {Settings.explain_unknown(name, str, [APPLICATION])} (keys stand under [gateways])"
    if name in ("global", "uwsgi", "gunicorn"):
        return f"[{name}] is not known; here it is [gateways]"
    slip = nearest(name, ["gateways", "pool", "pools"])
    if slip.startswith("pool"):
        return f"[{name}] is not known; did you mean [pool.NAME]?"
    if slip:
        return f"[{name}] is not known; did you mean [{slip}]?"
    return f"[{name}] is not known; there is [gateways], and a pool is written [pool.{name}]"


def _read_pools(file: TomlFile, pools: dict[str, object], found: dict[str, Table], problems: list[str]) -> None:
    for name, value in pools.items():
        table = Table(file, ("pool", name))
        if not isinstance(value, dict):
            in_array = isinstance(value, list) and all(isinstance(item, dict) for item in value)
            hint = (
                "write [pool.NAME] with single brackets" if in_array else "a pool has a name; write [pool.NAME] above"
            )
            problems.append(f"{file.where(table.path)}: [pool] {name!r}: {hint}")
        elif not _POOL_NAME.fullmatch(name):
            problems.append(
                f"{file.where(table.path)}: the pool {name!r} cannot be called so; give 1 to 32 of the characters "
                "A-Z, a-z, 0-9, _ and -"
            )
        else:
            found[name] = table
            _fill(table, value, problems)


def _fill(table: Table, values: dict[str, object], problems: list[str]) -> None:
    for name, value in _flatten(values):
        if name == APPLICATION:
            table.application = value
            continue
        problem = _check_key(table, name, value)
        if problem:
            problems.append(f"{table.where(name)}{problem}")
        else:
            table.values[name] = value


def _flatten(values: dict[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Give all keys with their values, ``pm.max_children`` for a table that is no value of ours."""
    for key, value in values.items():
        name = prefix + key
        if isinstance(value, dict) and value and not _takes_pairs(name):
            yield from _flatten(value, f"{name}.")
        else:
            yield name, value


def _takes_pairs(name: str) -> bool:
    kind = Settings.settings[name].kind if name in Settings.settings else None
    return isinstance(kind, Many) and isinstance(kind.kind, Pair)


def _check_key(table: Table, name: str, value: object) -> str:
    """Return what is wrong with a key at this place or with the way its value is written, or ""."""
    if name not in Settings.settings:
        return f" is {Settings.explain_unknown(name, str, [APPLICATION])}"
    if name in OF_THE_MASTER and table.path[0] == "pool":
        return ": there is one for all pools; it belongs under [gateways]"
    if isinstance(Settings.settings[name].kind, Mode) and type(value) is int:
        text = table.file.place((*table.path, name)).text
        if re.fullmatch("[0-7]{1,3}", text):
            return f': {text} is a decimal number; write "0{text}" or 0o{text}'
        if not text.startswith("0o"):
            return f': {text} is not octal; write "0660" or 0o660, for example'
    if _takes_pairs(name) and isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(item, str):
                return f": the value of {key} is no text; write it in quotes"
    return ""
