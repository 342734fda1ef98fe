"""What a deployment is: one description, from which the configuration of every server is written.

Values come from a person and go into files of a dozen grammars. What no grammar needs is refused here: control
characters, backslashes and double quotes. The rest is quoted, or refused, by the module that writes the file.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, fields

from gateways.addresses import Address, check_connectable, parse_address
from gateways.deploy.overlaps import check_directories, check_urls
from gateways.errors import ConfigError
from gateways.values import Duration, Size

TRANSPORTS = ("fastcgi", "scgi", "uwsgi", "ajp", "http")
"""What is spoken at an address. ``cgi`` is the transport without one."""

GROUPS = {"caddy": "caddy", "h2o": "debian-h2o", "haproxy": "haproxy"}
"""The groups of web servers on Debian where it is not www-data."""

ACCOUNTS = {"supervisor": "www-data"}
"""The accounts of applications where it is not one of their own, with the name of the deployment."""

TEMPORARY = ("/tmp", "/var/tmp")
"""Of these a service of systemd may have others of its own."""

SHARED = ("/run", "/run/lock", "/var/run", *TEMPORARY)
"""Directories of many programs, which nobody makes for a socket, or gives to one program."""

SIZE = Size(0, 1 << 50)
TIME = Duration(1)

_NAME = re.compile("[A-Za-z][A-Za-z0-9_-]{0,31}")
_LABEL = "(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_ACCOUNT = re.compile("[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_IMAGE = re.compile("[A-Za-z0-9][A-Za-z0-9._/:@-]{0,254}")
#: What a path may consist of where it is written into addresses, commands and first lines of scripts: one word in the
#: grammar of every server.
SIMPLE = re.compile("[A-Za-z0-9._/@+,=~-]+")


@dataclass(frozen=True)
class Deployment:
    """One application behind one server. Every field but ``server`` is a flag of ``gateways conf``.

    Raises ``ConfigError`` for a value that cannot be used with any server.
    """

    server: str
    """A name of ``registry.SERVERS``."""
    app: str = "app:application"
    name: str = "example"
    """What files, services and variables are called."""
    transport: str = "fastcgi"
    """cgi, fastcgi, scgi, uwsgi, ajp or http."""
    addresses: tuple[str, ...] = ()
    """Where the application is served; several: on several machines. None: the web server starts ``script``."""
    mount: str = ""
    """The URL path of the application, decoded, without a slash at its end: SCRIPT_NAME."""
    server_name: str = "example.org"
    root: str = "/srv/example"
    """The directory of the deployment: public (the document root), cgi-bin and venv are below it."""
    static: tuple[tuple[str, str], ...] = ()
    """URL path and directory of files that need no application. Neither ends with a slash."""
    private: tuple[tuple[str, str], ...] = ()
    """The same for files that only the application gives out, by X-Accel-Redirect or X-Sendfile."""
    upload_limit: int = 100 << 20
    """Bytes of a request body; 0: as many as there are."""
    timeout: float = 60.0
    """Seconds without a byte from the application."""
    unbuffered: bool = False
    """Whether every response is passed on piece by piece, where the server does not do so anyway."""
    tls: tuple[str, str] | None = None
    """The files of certificate and key."""
    authorizer: str = ""
    """The address of a FastCGI authorizer that is asked first; without ``addresses`` also the path of its script."""
    multiplex: int = 0
    """Requests at a time on a connection (HAProxy)."""
    ping: str = ""
    """The path that ``gateways serve --ping`` answers: for health checks."""
    ajp_secret: str = ""
    user: str = ""
    """The account of the application; empty: that of ``ACCOUNTS``, or one with the name of the deployment."""
    group: str = ""
    """The group that may use the socket: that of the web server; empty: the one it has on Debian."""
    workers: int = 4
    script: str = ""
    """What the web server starts; empty: app.cgi or app.fcgi in cgi-bin."""
    python: str = ""
    """The Python that has gateways; empty: that of venv."""
    image: str = ""
    """The container image of the application (Kubernetes)."""
    variant: str = ""
    """Another way to write the file, where the server has several: the registry names them."""
    given: frozenset[str] = frozenset()
    """Fields that somebody gave, the usual value perhaps."""

    def __post_init__(self) -> None:
        for field in ("app", "ping", "ajp_secret", "variant"):
            _check_text(f"--{field.replace('_', '-')}", getattr(self, field))
        _check_app(self.app)
        _match("--name", self.name, _NAME, "letters, digits, - and _, with a letter first")
        _check_host(self.server_name)
        _check_directory("--root", self.root)
        _check_mount(self.mount)
        for flag, pairs in (("--static", self.static), ("--private", self.private)):
            for url, directory in pairs:
                _check_url(flag, url)
                _check_directory(flag, directory)
        check_urls(self.mount, self.static, self.private)
        check_directories(self.root, self.static, self.private, self._programs())
        for flag, name, pattern, allowed in (
            ("--user", self.user, _ACCOUNT, "the name of an account"),
            ("--group", self.group, _ACCOUNT, "the name of an account"),
            ("--image", self.image, _IMAGE, "the name of a container image, such as registry.example.org/app:1"),
        ):
            if name:
                _match(flag, name, pattern, allowed)
        for flag, path in self._simple_paths():
            _check_simple(flag, path)
        for address in self.addresses:
            _check_address(address)
        if self.authorizer:
            self._check_authorizer()
        if self.ping:
            _check_simple("--ping", self.ping)
        if self.transport not in ("cgi", *TRANSPORTS):
            raise ConfigError(f"there is no transport {self.transport!r}: give cgi, {', '.join(TRANSPORTS)}")
        if self.transport == "cgi" and self.addresses:
            raise ConfigError("--cgi: a script has no address; leave the address out, or --cgi")
        if self.ajp_secret and self.transport != "ajp":
            raise ConfigError("--ajp-secret: only AJP13 has a secret; give --ajp, or leave it out")

    def _check_authorizer(self) -> None:
        if self.spawned and self.authorizer.startswith("/"):
            _check_simple("--authorizer", self.authorizer)
        else:
            _check_address(self.authorizer)

    def _simple_paths(self) -> list[tuple[str, str]]:
        given = [("--script", self.script), ("--python", self.python)]
        given += [("--tls", path) for path in self.tls or ()]
        return [(flag, path) for flag, path in given if path]

    def _programs(self) -> list[str]:
        """Return the directories of scripts and of Python."""
        given = [path.rpartition("/")[0] for path in (self.script, self.python) if path]
        return [f"{self.root}/cgi-bin", f"{self.root}/venv", *filter(None, given)]

    def has(self, field: str) -> bool:
        """Say whether a field was given, or is not the usual one."""
        return field in self.given or getattr(self, field) != getattr(Deployment, field)

    @property
    def address(self) -> Address:
        """Where the application is, for one that has an address: the first."""
        return parse_address(self.addresses[0])

    @property
    def several(self) -> bool:
        """Whether the application is served on several machines."""
        return len(self.addresses) > 1

    @property
    def spawned(self) -> bool:
        """Whether the web server starts the application."""
        return not self.addresses

    @property
    def variable(self) -> str:
        """The name, as part of the name of a variable."""
        return self.name.replace("-", "_")

    @property
    def account(self) -> str:
        """The account of the application."""
        return self.user or ACCOUNTS.get(self.server) or self.name.lower()

    @property
    def socket_group(self) -> str:
        """The group of the web server's processes."""
        return self.group or GROUPS.get(self.server, "www-data")

    @property
    def public(self) -> str:
        """The document root."""
        return f"{self.root}/public"

    @property
    def script_path(self) -> str:
        """The script that the web server starts."""
        return self.script or f"{self.root}/cgi-bin/app.{'cgi' if self.transport == 'cgi' else 'fcgi'}"

    @property
    def python_path(self) -> str:
        """The Python that has gateways."""
        return self.python or f"{self.root}/venv/bin/python"

    def command(self) -> str:
        """The command line that writes the same files."""
        words = ["gateways", "conf", self.server]
        if self.transport == "cgi":
            words.append("--cgi")
        elif self.spawned:
            words.append("--spawn")
        for address in self.addresses:
            words += [f"--{self.transport}", address]
        for field in fields(self)[1:]:
            if field.name not in ("transport", "addresses", "given") and self.has(field.name):
                words += _flag(field.name, getattr(self, field.name))
        return shlex.join(words)


def _flag(field: str, value: object) -> list[str]:
    flag = f"--{field.replace('_', '-')}"
    if value is True:
        return [flag]
    if field in ("static", "private"):
        assert isinstance(value, tuple)
        return [word for url, directory in value for word in (flag, f"{url or '/'}={directory}")]
    if field == "tls":
        assert isinstance(value, tuple)
        return [flag, *value]
    if field == "upload_limit":
        return [flag, SIZE.show(value)]
    if field == "timeout":
        return [flag, f"{value:.9f}".rstrip("0").rstrip(".") + "s"]
    return [flag, str(value)]


def read_mount(text: str) -> str:
    """Return a mount point as a person writes it, with or without a slash at its end, as ``Deployment`` has it."""
    return text.rstrip("/")


def read_pair(flag: str, text: str) -> tuple[str, str]:
    """Read ``URL=DIRECTORY``. Raises ``ConfigError``."""
    url, equals, directory = text.partition("=")
    if not equals or not directory:
        raise ConfigError(f"{flag} {text!r}: give URL=DIRECTORY, such as /static=/srv/example/static")
    return url.rstrip("/"), directory.rstrip("/") or "/"


def _check_text(flag: str, text: str) -> None:
    if not text.isprintable():  # also the surrogates that stand for bytes which are no text
        raise ConfigError(f"{flag} {text!r}: it has characters that cannot be printed")
    for character in '\\"':
        if character in text:
            raise ConfigError(f"{flag} {text!r}: {character} means something in every configuration; do without it")


def _match(flag: str, text: str, pattern: re.Pattern[str], allowed: str) -> None:
    if not pattern.fullmatch(text):
        raise ConfigError(f"{flag} {text!r}: give {allowed}")


def _check_app(app: str) -> None:
    if not app or app.startswith("-"):
        wrong = "it is empty" if not app else f"{app!r} would be a flag"
        raise ConfigError(f"--app: {wrong}; give the application, such as app:application")


def _check_host(text: str) -> None:
    _check_text("--server-name", text)
    if _HOST.fullmatch(text) and len(text) <= 253:
        return
    try:
        ascii_name = text.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_name = text
    if ascii_name != text and _HOST.fullmatch(ascii_name):
        raise ConfigError(f"--server-name {text!r}: browsers send it as {ascii_name}; give that")
    raise ConfigError(f"--server-name {text!r}: give one host name without a port, such as example.org")


def _check_path(flag: str, path: str) -> None:
    _check_text(flag, path)
    if not path.startswith("/"):
        raise ConfigError(f"{flag} {path!r}: the path has to start with a slash")
    if any(part in ("", ".", "..") for part in path[1:].split("/")):
        raise ConfigError(f"{flag} {path!r}: write the path without empty parts, . and ..")


def _check_directory(flag: str, path: str) -> None:
    if path == "/":
        raise ConfigError(f"{flag} /: this would give out the whole machine; name a directory of its own")
    _check_path(flag, path)


def _check_simple(flag: str, path: str) -> None:
    _check_path(flag, path)
    if not SIMPLE.fullmatch(path):
        raise ConfigError(f"{flag} {path!r}: only letters, digits and . _ - + , = @ ~ can be used in this path")


def _check_mount(mount: str) -> None:
    if mount:
        _check_url("--mount", mount)


def _check_url(flag: str, url: str) -> None:
    if not url:
        raise ConfigError(f"{flag} /: the application would get nothing; give a path below the root")
    _check_path(flag, url)
    for character in "%?#":
        if character in url:
            raise ConfigError(
                f"{flag} {url!r}: {character} cannot be part of it; write the path decoded, as a person reads it"
            )


def _check_address(text: str) -> None:
    address = parse_address(text)
    check_connectable(address)
    if address.kind == "abstract":
        raise ConfigError(f"{text}: web servers cannot connect to an abstract socket; give unix:/path or host:port")
    if "%" in address.host:
        raise ConfigError(f"{text}: web servers know no address with a zone such as %eth0; give one that needs none")
    if address.kind == "unix":
        if not text.startswith("unix:/"):
            raise ConfigError(f"{text}: a web server has a working directory of its own; give the whole path")
        _check_simple("the socket", address.path)
