"""Where lighttpd hands requests on: fastcgi.server and its like, one place for each backend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateways.doctor.lighttpd.syntax import Array, Condition, Configuration, Item, Setting

#: The settings, with the protocol and the module.
SERVERS = {
    "fastcgi.server": ("fastcgi", "mod_fastcgi"),
    "scgi.server": ("scgi", "mod_scgi"),
    "proxy.server": ("http", "mod_proxy"),
    "ajp13.server": ("ajp", "mod_ajp13"),
}


@dataclass
class Place:
    """A backend: what paths it is for (``extension``), and its ``options``."""

    setting: Setting
    extension: str
    options: Array
    where: str
    protocol: str

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Those under which it is in force."""
        return self.setting.conditions

    @property
    def module(self) -> str:
        """The module it needs."""
        return SERVERS[self.setting.name][1]

    @property
    def spawned(self) -> str:
        """The program that lighttpd starts itself; "" if it starts none."""
        return self.option("bin-path")

    @property
    def address(self) -> str:
        """The address as gateways writes it; "" if there is none."""
        socket, host, port = self.option("socket"), self.option("host"), self.option("port")
        if socket or host.startswith("/"):
            return f"unix:{socket or host}"
        if not host and not port:
            return ""
        written = f"[{host}]" if ":" in host else host
        return f"{written or '127.0.0.1'}:{port or {'http': 80, 'ajp': 8009}.get(self.protocol, 0)}"

    def option(self, name: str) -> str:
        """Return an option as text, or "" where it is not set."""
        item = self.options.get(name)
        return "" if item is None or isinstance(item.value, Array) else str(item.value)

    def where_of(self, name: str) -> str:
        """Return where an option is, or the place itself."""
        item = self.options.get(name)
        return item.where if item is not None else self.where


def places(configuration: Configuration) -> Iterator[Place]:
    """Give the places of a configuration, as far as they are asked for."""
    for setting in configuration.settings:
        if setting.name in SERVERS and setting.asked and isinstance(setting.value, Array):
            protocol = SERVERS[setting.name][0]
            if protocol == "scgi":
                spoken = configuration.in_force("scgi.protocol", setting.conditions)
                protocol = "uwsgi" if spoken is not None and spoken.value == "uwsgi" else protocol
            for item in setting.value:
                for backend in _backends(item):
                    yield Place(setting, item.key or "", backend[0], backend[1], protocol)


def _backends(item: Item) -> Iterator[tuple[Array, str]]:
    """Give the options of each backend of ``"/" => (( ... ), ( ... ))``, or ``"/" => ( "name" => ( ... ))``."""
    if not isinstance(item.value, Array):
        return
    for inner in item.value:
        if isinstance(inner.value, Array):
            where = inner.value[0].where if inner.value else inner.where
            yield inner.value, where
