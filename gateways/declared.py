"""What makes a class of declarations into settings: reading from variables, flags and keywords, and clear refusals."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Callable, ClassVar, NamedTuple, NoReturn, TypeVar

from gateways.errors import ConfigError
from gateways.values import BadItem, Kind

PREFIX = "GATEWAYS_"

#: Variables with our prefix that are read elsewhere: which protocol a process with an inherited socket speaks, and
#: whether the C part is left alone.
OTHER_VARIABLES = (PREFIX + "PROTOCOL", PREFIX + "PURE")


class Setting:
    """One setting: its default, the kind of its value, its group in the help, and what it is for."""

    name = ""

    def __init__(self, default: object, kind: Kind, group: str, help: str) -> None:
        self.default = default
        self.kind = kind
        self.group = group
        self.help = help

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def flag(self) -> str:
        return flag_of(self.name)

    @property
    def variable(self) -> str:
        return variable_of(self.name)


def setting(default: object, kind: Kind, group: str, help: str) -> Any:
    """Declare a setting. The result is ``Any``, so that each attribute can have the type of its value."""
    return Setting(default, kind, group, help)


def flag_of(name: str) -> str:
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    return PREFIX + name.upper()


class Layer(NamedTuple):
    """Values from one place: what an error calls that place, and how it spells the name of a setting."""

    place: str
    spell: Callable[[str], str]
    values: Mapping[str, object]


_Settings = TypeVar("_Settings", bound="Declared")


class Declared:
    """Base of a class whose attributes are declared with ``Setting``; on an instance they are the values."""

    #: All settings by name, in the order of their declaration.
    settings: ClassVar[dict[str, Setting]] = {}

    #: The names that were given, and not left to their defaults.
    given: frozenset[str]
    #: Environment variables with our prefix that are no settings and not close to one: somebody else's.
    ignored_variables: tuple[str, ...]

    def __init_subclass__(cls) -> None:
        bases = reversed(cls.__mro__)
        cls.settings = {name: item for base in bases for name, item in vars(base).items() if isinstance(item, Setting)}

    def __init__(self, **keywords: Any) -> None:
        self._fill([Layer("keyword", str, keywords)], ())

    @classmethod
    def load(
        cls: type[_Settings],
        environ: Mapping[str, str] = os.environ,
        flags: Mapping[str, object] | None = None,
        keywords: Mapping[str, object] | None = None,
    ) -> _Settings:
        """Read the ``GATEWAYS_*`` variables of ``environ``, then ``flags`` and ``keywords``, which win over them.

        ``flags`` holds the text of each flag under its setting's name: a string, a bool, or a list where the flag can
        be repeated. An empty variable counts as not set. A list in a variable is separated by spaces and quoted as in
        a shell.

        Raises ``ConfigError``, which names the place, the value, and what is allowed.
        """
        variables, ignored = _read_environment(cls.settings, environ)
        # A configuration file will be one more layer, before the variables.
        layers = [
            Layer("environment variable", variable_of, variables),
            Layer("flag", flag_of, flags or {}),
            Layer("keyword", str, keywords or {}),
        ]
        self = cls.__new__(cls)
        self._fill(layers, ignored)
        return self

    def _fill(self, layers: Iterable[Layer], ignored: tuple[str, ...]) -> None:
        values = {name: setting.default for name, setting in self.settings.items()}
        given: set[str] = set()
        for layer in layers:
            for name, value in layer.values.items():
                values[name] = _read(self.settings, layer, name, value)
                given.add(name)
        self.__dict__.update(values, given=frozenset(given), ignored_variables=ignored)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"settings are read-only; make new ones to change {name}")

    def __repr__(self) -> str:
        values = [f"{name}={getattr(self, name)!r}" for name in self.settings if name in self.given]
        return f"{type(self).__name__}({', '.join(values)})"


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name that ``name`` is probably a slip for, or an empty string."""
    from difflib import get_close_matches  # only people who made a mistake wait for it

    return next(iter(get_close_matches(name, list(names), n=1, cutoff=0.7)), "")


def _read(settings: Mapping[str, Setting], layer: Layer, name: str, value: object) -> object:
    setting = settings.get(name)
    if setting is None:
        slip = nearest(name, settings)
        hint = f"; did you mean {layer.spell(slip)}?" if slip else ""
        raise ConfigError(f"{layer.place} {layer.spell(name)} is not known{hint}")
    try:
        return setting.kind.read(value)
    except ValueError as error:
        culprit = error.item if isinstance(error, BadItem) else value
        reason = str(error) or f"{culprit!r} cannot be used, give {setting.kind.allowed}"
        raise ConfigError(f"{layer.place} {layer.spell(name)}: {reason}") from None


def _read_environment(
    settings: Mapping[str, Setting], environ: Mapping[str, str]
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the values by setting name, and the variables that are somebody else's."""
    values: dict[str, object] = {}
    ignored: list[str] = []
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or not text or variable in OTHER_VARIABLES:
            continue
        name = variable[len(PREFIX) :].lower()
        setting = settings.get(name)
        if setting is not None and setting.variable == variable:
            values[name] = _split(variable, text) if setting.kind.many else text
        elif nearest(name, settings):
            slip = variable_of(nearest(name, settings))
            raise ConfigError(f"environment variable {variable} is not known; did you mean {slip}?")
        else:
            # No slip: an application may use the prefix, and Kubernetes sets GATEWAYS_PORT for a service "gateways".
            ignored.append(variable)
    return values, tuple(ignored)


def _split(variable: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"environment variable {variable}: {text!r} cannot be read: {error}") from None
