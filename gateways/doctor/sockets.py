"""What keeps a web server from an application at a Unix socket or a port: what there is to see without asking it."""

from __future__ import annotations

import glob
import grp
import ipaddress
import os
import re
import shlex
import socket
import stat
import sys
from collections.abc import Iterable, Iterator

from gateways.addresses import Address, parse_address
from gateways.declared import nearest
from gateways.doctor.accounts import WRITE, Account, allowed, closed_directory, described, opening, web_account
from gateways.doctor.asking import ask
from gateways.doctor.findings import ERROR, NOTE, WARNING, Finding, declare
from gateways.doctor.targets import Options

ABSENT = declare(
    "socket-absent", ERROR, "No such socket file: the application does not run, or listens somewhere else (nginx: 502)."
)
NOT_A_SOCKET = declare("socket-is-file", ERROR, "What lies at the path of the socket is a file or a directory.")
DIRECTORY = declare(
    "socket-directory", ERROR, "The web server's account cannot enter a directory on the way to the socket."
)
MODE = declare("socket-mode", ERROR, "The web server's account may not write to the socket, and connecting is writing.")
PRIVATE = declare(
    "socket-private-tmp", WARNING,
    "The web server's unit has `PrivateTmp` or `ProtectHome`: it sees another directory there, without the socket.",
)  # fmt: skip
OPEN = declare(
    "socket-open-to-all", NOTE,
    "Every user of the machine may connect and can claim to be anybody, as the web server does with `REMOTE_USER`.",
)  # fmt: skip
ELSEWHERE = declare("port-elsewhere", ERROR, "The port is listened on, at another address than the one that was given.")

#: Where units of systemd are, and those of web servers.
UNIT_DIRECTORIES = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
UNITS = ("nginx", "apache2", "httpd", "lighttpd", "caddy", "h2o", "haproxy")

#: Directories that a unit may have of its own, and the setting that gives them to it.
_OWN = {
    **dict.fromkeys(("tmp", "var/tmp"), "PrivateTmp"),
    **dict.fromkeys(("home", "root", "run/user"), "ProtectHome"),
}
_ASSIGNED = re.compile(r"^[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_YES = {"1", "yes", "y", "true", "t", "on", "tmpfs", "disconnected"}
_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp


def examine_socket(what: str, options: Options) -> Iterator[Finding]:
    """Examine the address of a backend, or the path of its socket; with ``options.run`` also talk to it."""
    address = parse_address(what if not os.path.lexists(what) else f"unix:{os.path.abspath(what)}")
    account = web_account(options)
    seen: list[Finding] = []
    if address.kind == "unix" or options.run:
        seen = list(look_around(address, account, str(address), options.protocol or "fastcgi"))
    yield from seen
    if options.run and can_be_asked(seen):
        yield from ask(address, options)


def look_around(
    address: Address, account: Account, where: str, protocol: str, units: tuple[str, ...] = UNITS
) -> Iterator[Finding]:
    """Yield what keeps ``account`` from the backend at ``address``, as far as that can be seen without asking it."""
    if address.kind == "unix":
        yield from look(address.path, account, where, protocol, units)
        return
    others = listeners(address)
    if others:
        what = f"nothing listens at {address}, but at {' and '.join(others)}"
        remedy = f"give the web server that address, or let the application listen at {address}"
        yield ELSEWHERE.found(where, what, remedy)


def can_be_asked(seen: Iterable[Finding]) -> bool:
    """Say whether there is anybody to be asked, after a look around."""
    return not {finding.code for finding in seen} & {ABSENT.name, NOT_A_SOCKET.name, ELSEWHERE.name}


def look(
    path: str, account: Account, where: str, protocol: str = "fastcgi", units: tuple[str, ...] = UNITS
) -> Iterator[Finding]:
    """Yield what the file system says of a socket. ``units`` are those that the web server may have."""
    closed = closed_directory(account, path)
    if closed:
        yield DIRECTORY.found(where, *entering(closed, path, account))
    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        yield ABSENT.found(where, f"{path} cannot be looked at by this user", "run as root: sudo gateways doctor ...")
        return
    except OSError as error:
        yield ABSENT.found(where, f"{path}: {_absent(path, error)}", _start(path, protocol))
        yield from _examine_units(path, where, units)
        return
    if not stat.S_ISSOCK(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "a file" if stat.S_ISREG(mode) else "something else"
        remedy = "give the path of the socket that the application listens at"
        yield NOT_A_SOCKET.found(where, f"{path} is {kind}, not a socket", remedy)
        return
    if not allowed(account, path, WRITE):
        yield MODE.found(
            where,
            f"{account.name} may not write to {path} ({described(path)})",
            f"start the application with --socket-group {_group_of(account)} (--socket-mode 660, the default)",
        )
    elif mode & stat.S_IWOTH and not closed_directory(_ANYBODY, path):
        remedy = f"--socket-mode 660 --socket-group {_group_of(account)}"
        yield OPEN.found(where, f"every user of this machine may connect to {path} ({described(path)})", remedy)
    yield from _examine_units(path, where, units)


def entering(directory: str, path: str, account: Account) -> tuple[str, str]:
    """Return what is wrong with a directory that the account cannot enter on its way to ``path``, and the remedy."""
    what = f"{account.name} cannot enter {directory} ({described(directory)}), and so not reach {path}"
    if directory == "/root":
        return what, "put it somewhere else, such as /run/gateways or /srv: /root is root's own"
    return what, f"{opening(account, directory, 'x')} {shlex.quote(directory)}"


def listeners(address: Address) -> list[str]:
    """Return where a port of this machine is listened on instead of ``address``, which is free; [] if it is not so.

    A name such as localhost may have several addresses: one of them is enough, since web servers try them all.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    wanted = [str(place[0]) for _, _, _, _, place in found]
    hosts = _listening(address.port)
    if not hosts or not all(_is_ours(host) for host in wanted) or any(_takes(host, hosts) for host in wanted):
        return []
    return [str(Address("tcp", host=host, port=address.port)) for host in hosts]


def _is_ours(host: str) -> bool:
    """Say whether an address is one of this machine; ::1 is, even where there is no IPv6."""
    if ipaddress.ip_address(host).is_loopback:
        return True
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))  # only an address of this machine can be
    except OSError:
        return False
    return True


def _takes(host: str, listening: list[str]) -> bool:
    """Say whether somebody who listens at these addresses gets what is sent to ``host``."""
    return host in listening or "::" in listening or (":" not in host and "0.0.0.0" in listening)


def _listening(port: int) -> list[str]:
    """Return the addresses of this machine at which the port is listened on, as the kernel has them (Linux)."""
    found = []
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{name}", encoding="ascii") as file:
                rows = [line.split() for line in file.readlines()[1:]]
        except OSError:
            continue
        for row in rows:
            host, _, number = row[1].partition(":")
            if row[3] == _LISTEN and int(number, 16) == port:
                found.append(_decoded(host))
    return sorted(set(found))


def _decoded(host: str) -> str:
    """Read an address of /proc/net/tcp: words of four bytes, each in the byte order of the machine."""
    words = (int(host[start : start + 8], 16) for start in range(0, len(host), 8))
    data = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)


def _absent(path: str, error: OSError) -> str:
    directory, name = os.path.split(path)
    if not os.path.isdir(directory):
        gone = " (everything below /run is gone after a restart of the machine)" if path.startswith("/run/") else ""
        return f"there is no directory {directory}{gone}"
    try:
        there = [entry for entry in os.listdir(directory) if stat.S_ISSOCK(os.lstat(f"{directory}/{entry}").st_mode)]
    except OSError:
        there = []
    hint = nearest(name, there) or (there[0] if len(there) == 1 else "")
    return "there is no such socket" + (f"; beside it is {os.path.join(directory, hint)}" if hint else "")


def _start(path: str, protocol: str) -> str:
    address = shlex.quote(f"unix:{path}")
    return f"start the application (gateways serve app:application --{protocol} {address}), or give its path"


def _examine_units(path: str, where: str, units: tuple[str, ...]) -> Iterator[Finding]:
    """A web server that is started by systemd may have a /tmp of its own."""
    line = next((line for directory, line in _OWN.items() if path.startswith(f"/{directory}/")), None)
    if line is None:
        return
    found = sorted(name for name in units if _settings(name).get(line, "").lower() in _YES)
    if found:
        remedy = "listen below /run: --fastcgi unix:/run/gateways/app.sock"
        here = f"as {' and '.join(found)} {'has' if len(found) == 1 else 'have'} it here"
        what = f"with {line}= in its unit, {here}, a web server does not see {path}"
        yield PRIVATE.found(where, what, remedy)


def _settings(unit: str) -> dict[str, str]:
    """Return what a unit sets, as systemd reads it: one file, then the drop-ins by their names; the last counts."""
    files = [path for directory in UNIT_DIRECTORIES if os.path.isfile(path := f"{directory}/{unit}.service")][:1]
    drops: dict[str, str] = {}
    for directory in UNIT_DIRECTORIES:
        for path in glob.glob(f"{directory}/{unit}.service.d/*.conf"):
            drops.setdefault(os.path.basename(path), path)  # one of the same name in an earlier directory hides it
    settings: dict[str, str] = {}
    for path in (*files, *(drops[name] for name in sorted(drops))):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                settings.update(_ASSIGNED.findall(file.read()))
        except OSError:
            pass
    return settings


def _group_of(account: Account) -> str:
    try:
        return grp.getgrgid(account.gid).gr_name
    except KeyError:
        return account.name


_ANYBODY = Account("anybody", -1, -1, frozenset())
