"""Let programs import a package of ours by the name of another one."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

from gateways.errors import ConfigError


class AliasFinder(MetaPathFinder):
    """Finds ``public`` and everything below it in the package ``private``; both names are the same modules.

    ``removed`` has parts that the other package once had, and what to do instead.
    """

    def __init__(self, public: str, private: str, removed: Mapping[str, str]) -> None:
        self.public = public
        self.private = private
        self._removed = removed

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find ``public`` and what is below it. Raises ``ModuleNotFoundError`` for what is in ``removed``."""
        if fullname.partition(".")[0] != self.public:
            return None
        name = fullname[len(self.public) + 1 :]
        instead = self._removed.get(name.partition(".")[0])
        if instead is not None:
            raise ModuleNotFoundError(f"No module named {fullname!r}: {instead}", name=fullname)
        ours = f"{self.private}.{name}" if name else self.private
        try:
            found = importlib.util.find_spec(ours)
        except ModuleNotFoundError:
            return None
        if found is None:
            return None
        spec = ModuleSpec(
            fullname,
            _Loader(ours, found.loader),
            origin=found.origin,
            is_package=found.submodule_search_locations is not None,
        )
        spec.has_location = found.has_location
        return spec

    def install(self) -> None:
        """Come before all other finders; once is enough.

        Raises ``ConfigError`` when the other package has been imported: some names would be its, and some ours.
        """
        if self in sys.meta_path:
            return
        present = sys.modules.get(self.public)
        if present is not None and present is not sys.modules.get(self.private):
            where = getattr(present, "__file__", None) or "another place"
            raise ConfigError(f"{self.public} has been imported already, from {where}: call install() before that")
        sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        """Have the next import find what it would find without us; what has been imported stays with its importers."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in [name for name in sys.modules if name.partition(".")[0] == self.public]:
            if sys.modules.get(self.private + name[len(self.public) :]) is sys.modules[name]:
                del sys.modules[name]


class _Loader(InspectLoader):
    """Gives a module of ours, under another name as well."""

    def __init__(self, name: str, inspector: Any) -> None:
        self._name = name
        self._inspector = inspector  # its own; that of a zip file is an InspectLoader without being derived from it
        self._own: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # the import system has written the other name into it

    def get_code(self, fullname: str) -> NoReturn:
        """Say to ``python -m``, which asks for it, that there is nothing to be run."""
        raise ImportError(f"{fullname} is {self._name}, which is no program; gateways serve serves an application")

    def get_source(self, fullname: str) -> str | None:
        """Return the text of the module."""
        text: str | None = self._inspector.get_source(self._name)
        return text

    def is_package(self, fullname: str) -> bool:
        """Say whether other modules are in it."""
        return bool(self._inspector.is_package(self._name))
