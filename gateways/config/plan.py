"""The plan of a start: from the configuration file, variables and flags to a master and its pools, all checked.

Defaults give way to ``[gateways]`` of the file, that to ``[pool.NAME]``, that to ``GATEWAYS_*`` variables, and those to
flags. Pairs, as of ``env``, come together from all places; everything else is replaced.

All paths in a plan are absolute. Where a relative one starts: at ``chdir``, wherever that is given; without it, at the
directory of the file for what the file says, and at the working directory for variables and flags.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gateways.config.checks import Finding, check_listening, check_settings
from gateways.config.here import working_directory
from gateways.config.tomlfile import TomlFile
from gateways.config.toplevel import APPLICATION, Table, Tables, read_tables
from gateways.declared import PREFIX, Layer, flag_of
from gateways.errors import ConfigError
from gateways.settings import Settings
from gateways.settings.listening import LISTENERS
from gateways.settings.managing import OF_THE_MASTER

#: Used where nobody names an application or a file.
DEFAULT_FILE = "gateways.toml"
VARIABLE = PREFIX + "CONFIG"

#: The name of the only pool, where the file has no [pool.NAME].
ONLY_POOL = "app"


class PoolPlan(NamedTuple):
    """One pool: its name, the application as ``loader.load`` takes it, and all its settings.

    ``settings.chdir`` is None only where no file is used and nothing says otherwise: the working directory then.
    """

    name: str
    application: str
    settings: Settings


class Plan(NamedTuple):
    """What is to be started. ``master`` has the settings of ``OF_THE_MASTER``; ``pools`` are in the order of the file.

    ``file`` is the absolute path of the configuration file, if there is one. ``notices`` are lines for the log.
    """

    master: Settings
    pools: tuple[PoolPlan, ...]
    file: str | None
    notices: tuple[str, ...] = ()

    @property
    def managed(self) -> bool:
        """Whether it needs a master with workers; without, this process serves the only pool."""
        return len(self.pools) > 1 or any(pool.settings.workers for pool in self.pools)


def load_plan(
    file: str | None = None,
    application: str | None = None,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Plan:
    """Return the plan of a start. Each call reads the file anew.

    ``file`` is the configuration file; None stands for what the variable GATEWAYS_CONFIG names, or, where there is no
    ``application`` either, for gateways.toml in the working directory, if it exists. ``application`` wins over that of
    the file. ``flags`` are as for ``Settings.load``.

    Raises ``ConfigError`` for the first thing that is wrong, and says how many more there are.
    """
    problems: list[str] = []
    plan = read_plan(file, application, flags, environ, problems)
    if plan is not None and not problems:
        return plan
    more = f" (and {len(problems) - 1} more: see gateways check-config)" if len(problems) > 1 else ""
    raise ConfigError(problems[0] + more)


def read_plan(
    file: str | None,
    application: str | None,
    flags: Mapping[str, object] | None,
    environ: Mapping[str, str],
    problems: list[str],
) -> Plan | None:
    """Do what ``load_plan`` does, but add all that is wrong to ``problems``. The plan is None if it cannot be made."""
    name, notices = choose_file(file, application, environ)
    here = working_directory(environ)
    try:
        source = None if name is None else TomlFile(name, here or "")
    except ConfigError as error:
        problems.append(str(error))
        return None
    found: list[str] = []
    draft = _Draft(source, application, flags or {}, environ, here, found)
    master = draft.plan_master()
    pools = draft.plan_pools(master)
    problems += dict.fromkeys(found)  # what all pools have from [gateways] is said once
    return Plan(
        master, tuple(pools), None if source is None else source.path, (*notices, *dict.fromkeys(draft.notices))
    )


def choose_file(file: str | None, application: str | None, environ: Mapping[str, str]) -> tuple[str | None, list[str]]:
    """Return the file to read, if any, and a line for the log where nobody named it."""
    if file is not None:
        return file, []
    if environ.get(VARIABLE):
        return environ[VARIABLE], [f"settings are from {environ[VARIABLE]}, which {VARIABLE} names"]
    if application is None and os.path.isfile(DEFAULT_FILE):
        return DEFAULT_FILE, [f"settings are from {os.path.abspath(DEFAULT_FILE)}, in the working directory"]
    return None, []


class _Draft:
    """What becomes a plan. Everything that is wrong goes to ``problems``."""

    def __init__(
        self,
        file: TomlFile | None,
        application: str | None,
        flags: Mapping[str, object],
        environ: Mapping[str, str],
        here: str | None,
        problems: list[str],
    ) -> None:
        self.here = here  # None where it is gone: relative paths stay, and fail where they are used
        self.problems = problems
        self.notices: list[str] = []
        self.file = file
        self.application = application
        self.tables: Tables | None = None if file is None else read_tables(file, problems)
        variables, self.ignored = Settings.variables(environ, problems)
        self.above = [variables, Layer("flag", flag_of, dict(flags))]

    def plan_master(self) -> Settings:
        return Settings.from_layers(self._layers(self._shared()), self.ignored, self.problems)

    def plan_pools(self, master: Settings) -> list[PoolPlan]:
        if self.tables is not None and len(self.tables.pools) > 1:
            self._refuse_what_is_ambiguous(self.tables)
        named = self.tables.pools if self.tables is not None else {}
        tables = {name: [*self._shared(), table] for name, table in named.items()} or {ONLY_POOL: self._shared()}
        pools = [self._plan_pool(name, tables[name], master) for name in tables]
        settings = {pool.name: pool.settings for pool in pools}
        for clash in check_listening(list(settings.items())):
            self.problems.append(f"{settings[clash.pool].label(clash.setting)}: {clash.text}")
        return pools

    def _shared(self) -> list[Table]:
        return [] if self.tables is None else [self.tables.gateways]

    def _plan_pool(self, name: str, tables: list[Table], master: Settings) -> PoolPlan:
        layers = [layer._replace(values=_without(layer.values, OF_THE_MASTER)) for layer in self._layers(tables)] + [
            Layer("", str, {name: getattr(master, name)}, where=master.label) for name in OF_THE_MASTER & master.given
        ]
        before = len(self.problems)
        settings = Settings.from_layers(layers, self.ignored, self.problems)
        if len(self.problems) == before:  # else a default stands where something else was meant
            several = self.tables is not None and len(self.tables.pools) > 1
            place = f"{tables[-1].where()} " if tables else ""
            for finding in check_settings(settings, several):
                self._report(finding, settings, place)
        return PoolPlan(name, self._application_of(tables), settings)

    def _application_of(self, tables: list[Table]) -> str:
        """Return what the pool serves: the argument, or the key of the last table that has it."""
        if self.application is not None:
            return self.application
        for table in reversed(tables):
            if table.application is None:
                continue
            if isinstance(table.application, str) and table.application.isprintable() and table.application:
                return table.application
            self.problems.append(
                f"{table.where(APPLICATION)}: {table.application!r} cannot be used, give module:attribute, "
                "path/to/file.py:attribute or module:factory()"
            )
            return ""
        if tables:
            self.problems.append(
                f'{tables[-1].where()}: there is no application; add {APPLICATION} = "module:attribute"'
            )
        else:
            self.problems.append(
                f"no application: give APP, or --config FILE; there is no {DEFAULT_FILE} in the working directory"
            )
        return ""

    def _layers(self, tables: list[Table]) -> list[Layer]:
        """Return all layers, with the directory where the relative paths of each start."""
        layers = [table.layer(table.file.directory) for table in tables]
        layers += [layer._replace(directory=self.here) for layer in self.above]
        chdir = None
        for number, layer in enumerate(layers):
            given = layer.values.get("chdir")
            if isinstance(given, str) and given:
                chdir = os.path.join(layer.directory or "", given)
                layers[number] = layer._replace(values={**layer.values, "chdir": chdir})
        if chdir is not None:
            return [layer._replace(directory=chdir) for layer in layers]
        if self.file is not None:
            default = self.file.directory if self.application is None else self.here
            layers.insert(0, Layer("default", str, {"chdir": default}))
        return layers

    def _refuse_what_is_ambiguous(self, tables: Tables) -> None:
        """One address, or one application from the command line, cannot be that of several pools."""
        assert self.file is not None
        names = ", ".join(tables.pools)
        instead = f"{self.file.name} has several pools ({names}); write it in [pool.NAME] there"
        layers = [tables.gateways.layer(""), *self.above]
        for layer in layers:
            for name in LISTENERS:
                if name in layer.values:
                    self.problems.append(f"{layer.label(name)}: which pool is meant? {instead}")
        tables.gateways.values = _without(tables.gateways.values, LISTENERS)
        self.above = [layer._replace(values=_without(layer.values, LISTENERS)) for layer in self.above]
        if self.application is not None:
            self.problems.append(f"APP {self.application!r}: which pool is meant? {instead}")

    def _report(self, finding: Finding, settings: Settings, place: str) -> None:
        """Say what was found, at the place that gave the setting; ``place`` is where it could have been given."""
        label = settings.label(finding.setting)
        text = f"{label if finding.setting in settings.given else place + label}: {finding.text}"
        (self.problems if finding.fatal else self.notices).append(text)


def _without(values: Mapping[str, object], names: Iterable[str]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name not in names}
