"""What makes a class of declarations into settings: reading from variables, flags and keywords, and clear refusals."""

from __future__ import annotations

import os
import shlex
from collections.abc import Container, Iterable, Mapping
from typing import Any, Callable, ClassVar, NamedTuple, NoReturn, TypeVar

from gateways.errors import ConfigError
from gateways.values import BadItem, Kind

PREFIX = "GATEWAYS_"

#: What a master passes on to the program that replaces it.
HANDOVER = PREFIX + "HANDOVER"

#: What a program that a web server started tells the one that takes its place (server/origin.py).
SUCCEEDS = PREFIX + "SUCCEEDS"

#: What a process that stays for a CGI script, and whoever starts it, are told (resident/).
_RESIDENT = tuple(f"{PREFIX}RESIDENT{name}" for name in ("", "_DIR", "_MAX", "_PASS"))

#: Variables with our prefix that are read elsewhere: the configuration file, which protocol a process with an inherited
#: socket speaks, and whether the C part is left alone.
OTHER_VARIABLES = (PREFIX + "CONFIG", PREFIX + "PROTOCOL", PREFIX + "PURE", HANDOVER, SUCCEEDS, *_RESIDENT)


#: Characters of a value that an error quotes.
_SHOWN = 200


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
    #: Where relative paths start. None leaves them as they are.
    directory: str | None = None
    #: For a file: says in which line a setting stands.
    where: Callable[[str], str] | None = None

    def label(self, name: str) -> str:
        """Name the place of a setting, for the beginning of a message."""
        return self.where(name) if self.where else f"{self.place} {self.spell(name)}"


_Settings = TypeVar("_Settings", bound="Declared")


class Declared:
    """Base of a class whose attributes are declared with ``Setting``; on an instance they are the values."""

    #: All settings by name, in the order of their declaration.
    settings: ClassVar[dict[str, Setting]] = {}

    #: The names that were given, and not left to their defaults.
    given: frozenset[str]
    #: For each of these, the place that had the last word.
    origins: Mapping[str, Layer]
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
        variables, ignored = cls.variables(environ)
        return cls.from_layers(
            [variables, Layer("flag", flag_of, flags or {}), Layer("keyword", str, keywords or {})], ignored
        )

    @classmethod
    def from_layers(
        cls: type[_Settings],
        layers: Iterable[Layer],
        ignored: tuple[str, ...] = (),
        problems: list[str] | None = None,
    ) -> _Settings:
        """Make settings of layers, of which the later ones win. ``ignored`` becomes ``ignored_variables``.

        With ``problems`` what is wrong is added there, and left out; without, the first is raised as ``ConfigError``.
        """
        self = cls.__new__(cls)
        self._fill(layers, ignored, problems)
        return self

    @classmethod
    def variables(cls, environ: Mapping[str, str], problems: list[str] | None = None) -> tuple[Layer, tuple[str, ...]]:
        """Return the layer of the ``GATEWAYS_*`` variables, and the names of those that are somebody else's."""
        values: dict[str, object] = {}
        ignored: list[str] = []
        for variable, text in environ.items():
            if variable.startswith(PREFIX) and text and variable not in OTHER_VARIABLES:
                try:
                    name = cls._setting_of(variable)
                    if name:
                        values[name] = _split(variable, text) if cls.settings[name].kind.many else text
                    else:
                        ignored.append(variable)
                except ConfigError as error:
                    _report(error, problems)
        return Layer("environment variable", variable_of, values), tuple(ignored)

    @classmethod
    def other_name(cls, name: str, certain: bool = False) -> str:
        """Complete "NAME is ..." for a setting of another program, with ``{setting}`` for each of ours.

        ``certain`` leaves out names that are common words.
        """
        return ""

    @classmethod
    def explain_unknown(cls, name: str, spell: Callable[[str], str], more: Iterable[str] = ()) -> str:
        """Complete the sentence "NAME is ...": what was probably meant. ``more`` are names that are known besides."""
        other = cls.other_name(name)
        if other:
            return other.format_map({known: spell(known) for known in cls.settings})
        slip = nearest(name, [*cls.settings, *more])
        return f"not known; did you mean {spell(slip)}?" if slip else "not known"

    @classmethod
    def _setting_of(cls, variable: str) -> str:
        """Return the name of the setting, or "" where the variable is somebody else's."""
        name = variable[len(PREFIX) :].lower()
        if name in cls.settings and variable_of(name) == variable:
            return name
        if nearest(name, cls.settings) or cls.other_name(name, certain=True):
            hint = cls.explain_unknown(name, variable_of)
            raise ConfigError(f"environment variable {variable} is {hint}")
        # No slip: an application may use the prefix, and Kubernetes sets GATEWAYS_PORT for a service "gateways".
        return ""

    def _fill(self, layers: Iterable[Layer], ignored: tuple[str, ...], problems: list[str] | None = None) -> None:
        values = {name: setting.default for name, setting in self.settings.items()}
        origins: dict[str, Layer] = {}
        for layer in layers:
            for name, value in layer.values.items():
                try:
                    read = self._read(layer, name, value)
                except ConfigError as error:
                    _report(error, problems)
                    continue
                values[name] = self.settings[name].kind.over(values[name], read)
                origins[name] = layer
        self._derive(values, origins)
        self.__dict__.update(values, given=frozenset(origins), origins=origins, ignored_variables=ignored)

    def _derive(self, values: dict[str, Any], given: Container[str]) -> None:
        """Change the default of a setting that was not ``given`` by what others say."""

    def _read(self, layer: Layer, name: str, value: object) -> object:
        if name not in self.settings:
            raise ConfigError(f"{layer.label(name)} is {self.explain_unknown(name, layer.spell)}")
        kind = self.settings[name].kind
        try:
            read = kind.read(value)
            return read if layer.directory is None else kind.rebase(read, layer.directory)
        except ValueError as error:
            culprit = error.item if isinstance(error, BadItem) else value
            reason = str(error) or f"{_shown(culprit, layer)} cannot be used, give {kind.allowed}"
            raise ConfigError(f"{layer.label(name)}: {reason}") from None

    def label(self, name: str) -> str:
        """Name the place that gave a setting, for the beginning of a message; for a default its name alone."""
        return self.origins[name].label(name) if name in self.origins else name

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"settings are read-only; make new ones to change {name}")

    def __repr__(self) -> str:
        values = [f"{name}={getattr(self, name)!r}" for name in self.settings if name in self.given]
        return f"{type(self).__name__}({', '.join(values)})"


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name that ``name`` is probably a slip for, or an empty string."""
    from difflib import get_close_matches  # only people who made a mistake wait for it

    return next(iter(get_close_matches(name, list(names), n=1, cutoff=0.7)), "")


def _shown(value: object, layer: Layer) -> str:
    text = repr(value)
    if layer.where and isinstance(value, bool):
        text = text.lower()  # as the file has it
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _report(error: ConfigError, problems: list[str] | None) -> None:
    if problems is None:
        raise error from None
    problems.append(str(error))


def _split(variable: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"environment variable {variable}: {text!r} cannot be read: {error}") from None
