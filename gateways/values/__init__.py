"""The kinds of value a setting can have: how each is read from text or from Python, and what is allowed.

``Kind.read`` takes what a person gave, a string from a flag or a variable or a Python value from a keyword, and returns
the value to use. It raises ``ValueError``: with a reason of its own, or without one when ``allowed`` says it all. Who
gave the value, and where, is for ``declared`` to add.
"""

from __future__ import annotations

from gateways.values.places import Address, Module, MountPath, Path, RequestPath, Secret
from gateways.values.plain import Choice, Duration, Kind, Mode, Number, Size, Switch, Text
from gateways.values.several import BadItem, EnvironPair, Many, Pair

__all__ = [
    "Address",
    "BadItem",
    "Choice",
    "Duration",
    "EnvironPair",
    "Kind",
    "Many",
    "Mode",
    "Module",
    "MountPath",
    "Number",
    "Pair",
    "Path",
    "RequestPath",
    "Secret",
    "Size",
    "Switch",
    "Text",
]
