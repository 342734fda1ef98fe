"""What people write in the options of flup's programs: switches, numbers, umasks. What is none is a ``ValueError``."""

from __future__ import annotations

from gateways.values.plain import Switch

#: Those of our settings, and what flup's programs write besides.
SWITCH = {**Switch.words, "y": True, "t": True, "n": False, "f": False}
_MAX_UMASK = 0o777


def switch(text: str) -> bool:
    """Return what a text means."""
    value = SWITCH.get(text.lower())
    if value is None:
        raise ValueError(f"{text!r} is neither true nor false")
    return value


def number(text: str) -> int:
    """Return a number."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def umask(text: str) -> int:
    """Return a umask, which is octal, as people write it: 007."""
    try:
        value = int(text, 8)
    except ValueError:
        value = -1
    if not 0 <= value <= _MAX_UMASK:
        raise ValueError(f"{text!r} is not an octal number from 0 to 777")
    return value
