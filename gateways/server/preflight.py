"""What can be told about this machine before a start: users, directories, permissions, and values that a server reads.

Nothing is opened, and nothing is bound.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from gateways.addresses import parse_address
from gateways.config.checks import Finding
from gateways.errors import ConfigError
from gateways.server.accesslog import compile_format
from gateways.server.opening import addresses_of
from gateways.server.peers import TrustedProxies, lists_for, refuse_everybody, refuse_without_secret
from gateways.server.transports import TRANSPORTS
from gateways.settings import Settings
from gateways.values import Many, Module, Path

#: Emptied at each start of the machine; RuntimeDirectory= of systemd makes directories there when a service starts.
_RUN = ("/run/", "/var/run/")

#: Files that are read, by ``_inspect_clients``.
_READ = ("certfile", "keyfile")

#: Directories, as opposed to files that are made in one.
_DIRECTORIES = ("chdir", "python_path")


def inspect(settings: Settings) -> Iterator[Finding]:
    """Find what would keep a pool with ``settings`` from starting on this machine.

    Not fatal is what may be otherwise for the user, or at the time, of the real start.
    """
    yield from _inspect_users(settings)
    yield from _inspect_paths(settings)
    yield from _inspect_addresses(settings)
    yield from _inspect_clients(settings)
    try:
        compile_format(settings.access_log_format)
    except ConfigError as error:
        yield Finding("access_log_format", _without_name(error))


def _inspect_users(settings: Settings) -> Iterator[Finding]:
    known = {name: _find_account(name, getattr(settings, name)) for name in ("user", "socket_owner")}
    known.update({name: _find_account(name, getattr(settings, name)) for name in ("group", "socket_group")})
    for name, number in known.items():
        value = getattr(settings, name)
        if value is not None and number is None:
            kind, database = ("group", "group") if name.endswith("group") else ("user", "passwd")
            yield Finding(name, f"there is no {kind} {value!r} on this machine; see: getent {database}")
    own = os.geteuid()
    if own == 0 and settings.user is None:
        yield Finding("user", "root does not serve without it; here that matters if root starts it", fatal=False)
    if own != 0 and known["user"] not in (None, own):
        yield Finding("user", f"only root can change to {settings.user!r}; start it as root", fatal=False)


def _find_account(name: str, value: str | None) -> int | None:
    """Return the number of a user or group; None where there is none of that name."""
    if value is None or (value.isascii() and value.isdecimal()):
        return None if value is None else int(value)
    import grp
    import pwd

    try:
        return grp.getgrnam(value).gr_gid if name.endswith("group") else pwd.getpwnam(value).pw_uid
    except KeyError:
        return None


def _inspect_paths(settings: Settings) -> Iterator[Finding]:
    for name, setting in settings.settings.items():
        value = getattr(settings, name)
        kind = setting.kind.kind if isinstance(setting.kind, Many) else setting.kind
        if not isinstance(kind, Path) or value is None:
            continue
        for path in value if isinstance(value, tuple) else (value,):
            if name in _DIRECTORIES:
                if not os.path.isdir(path):
                    yield Finding(name, f"there is no directory {path!r}")
            elif isinstance(kind, Module):
                if os.path.isabs(path) and not os.path.isfile(path):
                    yield Finding(name, f"there is no file {path!r}")
            elif path != "-" and name not in _READ:
                yield from _inspect_file(name, path)


def _inspect_addresses(settings: Settings) -> Iterator[Finding]:
    addresses = addresses_of(settings)
    for protocol in dict(addresses):
        try:
            TRANSPORTS[protocol].require()
        except ConfigError as error:
            yield Finding(protocol, str(error))
    for protocol, text in addresses:
        address = parse_address(text)
        if address.kind == "unix":
            yield from _inspect_file(protocol, address.path)
        elif address.kind == "tcp":
            try:
                if not lists_for(protocol, settings.allowed_clients, os.environ):
                    refuse_everybody(address.host, protocol)
                refuse_without_secret(address.host, protocol, settings.ajp_secret)
            except ConfigError as error:
                name = "allowed_clients" if _has_name(error) else protocol
                yield Finding(name, _without_name(error))
            except OSError:
                pass  # a host name: it is looked up when the server starts


def _inspect_clients(settings: Settings) -> Iterator[Finding]:
    """What HTTP needs without a web server: a certificate, and addresses of proxies."""
    try:
        TrustedProxies(settings.forwarded_allow_ips)
    except ConfigError as error:
        yield Finding("forwarded_allow_ips", _without_name(error))
    if settings.certfile is None:
        return
    from gateways.server.tls import Tls  # OpenSSL is for those who use it

    try:
        Tls(settings.certfile, settings.keyfile)
    except ConfigError as error:
        name = str(error).partition(":")[0]
        readable = all(os.access(path, os.R_OK) for path in (settings.certfile, settings.keyfile) if path)
        missing = not all(os.path.exists(path) for path in (settings.certfile, settings.keyfile) if path)
        yield Finding(name, _without_name(error), fatal=readable or missing)  # root may read what we may not


def _inspect_file(name: str, path: str) -> Iterator[Finding]:
    """Find out whether a file or socket can be made, or be written to if it is there."""
    directory = os.path.dirname(path)
    if os.path.isdir(path):
        yield Finding(name, f"{path!r} is a directory; name the file in it")
    elif not os.path.isdir(directory):
        made_later = f"{directory}/".startswith(_RUN)
        hint = "; RuntimeDirectory= of a systemd unit makes it at the start" if made_later else "; make it first"
        yield Finding(name, f"there is no directory {directory!r}{hint}", fatal=not made_later)
    elif not os.access(path if os.path.isfile(path) else directory, os.W_OK):
        # For root that is a file system mounted read-only. Anybody else may not be the one who starts it.
        what = path if os.path.isfile(path) else directory
        yield Finding(name, f"this user cannot write to {what!r}", fatal=os.geteuid() == 0)


def _has_name(error: ConfigError) -> bool:
    return str(error).partition(": ")[0] in Settings.settings


def _without_name(error: ConfigError) -> str:
    """Return the message without the name of the setting, which the finding has."""
    return str(error).partition(": ")[2] if _has_name(error) else str(error)
