"""Decode what the corpus has of CGI: the environment of a script, its standard input and what else it started with."""

from __future__ import annotations

from gateways.trace.items import Item

#: Environment, standard input, argv, working directory, facts.
_FIELDS = 5


def split_netstrings(data: bytes, most: int) -> list[bytes]:
    """Cut ``data`` into netstrings, ``most`` of them at most. Raises ``ValueError`` for what is none."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        colon = data.find(b":", at, at + 20)
        digits = data[at:colon] if colon >= 0 else b""
        end = colon + 1 + (int(digits) if digits.isdigit() else 0)
        if not digits.isdigit() or data[end : end + 1] != b"," or len(found) == most:
            raise ValueError("not a netstring")
        found.append(data[colon + 1 : end])
        at = end + 1
    return found


def is_cgi(data: bytes) -> bool:
    """Say whether ``data`` is a capture of a script's start."""
    try:
        fields = split_netstrings(data, _FIELDS)
    except ValueError:
        return False
    return len(fields) == _FIELDS and b"=" in fields[0].partition(b"\0")[0]


def decode_cgi(data: bytes) -> list[Item]:
    """Decode such a capture."""
    environment, body, argv, directory, facts = split_netstrings(data, _FIELDS)
    pairs = [entry.partition(b"=") for entry in environment.split(b"\0") if entry]
    items = [Item("environment", pairs=[(name, value) for name, _, value in pairs])]
    items.append(Item("standard input", size=len(body), start=body or None))
    arguments = [part.decode("latin-1") for part in argv.split(b"\0") if part]
    items.append(Item("start", [f"argv {arguments!r}", f"in {directory.decode('latin-1')}"]))
    items.append(Item("facts", size=len(facts)))
    return items
