"""The servers for which there is a configuration: what each can do, and the function that writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from gateways.addresses import parse_address
from gateways.declared import nearest
from gateways.deploy import (
    apache,
    caddy,
    container,
    h2o,
    haproxy,
    htaccess,
    kubernetes,
    lighttpd,
    nginx,
    supervisor,
    systemd,
    toml,
)
from gateways.deploy.description import TRANSPORTS, Deployment
from gateways.deploy.text import SPEECH, File
from gateways.errors import ConfigError

Writer = Callable[[Deployment], "list[File]"]


@dataclass(frozen=True)
class Server:
    """A kind of configuration."""

    title: str
    write: Writer
    transports: tuple[str, ...]
    """What it speaks, the best first; ``spawn`` is FastCGI with a process that the server starts."""
    address: str = "unix:/run/gateways/app.sock"
    """Where the application is, unless told."""
    several: tuple[str, ...] = ()
    """Transports that it can speak to several machines."""
    variants: tuple[str, ...] = ()
    web: bool = True
    """Whether it is a web server, which passes requests on."""
    refuses: Mapping[str, str] = field(default_factory=dict)
    """Fields of the description that it can do nothing with, each with the reason and what to do instead."""


_NOT_HERE = {
    "multiplex": "it sends one request at a time on a connection; HAProxy can send several",
    "script": "it starts no scripts in this way; run gateways serve, and give its address",
    "ping": "it asks nobody for his health; haproxy and kubernetes do",
    "ajp_secret": "none is written into its file; apache has one",
    "python": "it starts no Python; leave it out",
    "user": "it does not start the application; systemd and supervisor do",
    "workers": "it starts no processes; give the number to gateways serve",
    "group": "it uses no Unix socket; leave it out",
    "mount": "it has the application at the root of the site only; leave it out",
    "private": "it gives out no files for an application; nginx, lighttpd and caddy do",
    "static": "it serves no files; let nginx or the application do that",
    "authorizer": "it asks no authorizer; nginx, lighttpd and apache do",
    "unbuffered": "it passes nothing on; give it to the web server",
    "timeout": "it waits for no answers; give it to the web server",
    "server_name": "it knows no host names; give it to the web server",
    "image": "it runs no images; kubernetes does",
}


_OF_A_WEB_SERVER = ("multiplex", "script", "authorizer", "static", "private", "unbuffered", "timeout", "server_name")
"""Fields that mean nothing where no web server is configured."""


def _without(*names: str) -> dict[str, str]:
    """Return what a server can do nothing with; no web server can with an image."""
    return {name: _NOT_HERE[name] for name in (*names, "image")}


SERVERS: dict[str, Server] = {
    "nginx": Server(
        "nginx",
        nginx.write,
        ("fastcgi", "scgi", "uwsgi", "http"),
        several=("fastcgi", "scgi", "uwsgi", "http"),
        refuses=_without("multiplex", "script", "ping", "python", "user"),
    ),
    "lighttpd": Server(
        "lighttpd",
        lighttpd.write,
        ("fastcgi", "spawn", "scgi", "uwsgi", "ajp", "http", "cgi"),
        several=("fastcgi", "scgi", "uwsgi", "ajp", "http"),
        variants=("directory",),
        refuses=_without("multiplex", "ping", "ajp_secret", "user"),
    ),
    "caddy": Server(
        "Caddy",
        caddy.write,
        ("fastcgi", "http"),
        several=("fastcgi", "http"),
        refuses=_without("multiplex", "script", "ping", "python", "user", "authorizer"),
    ),
    "haproxy": Server(
        "HAProxy",
        haproxy.write,
        ("fastcgi", "http"),
        address="127.0.0.1:9000",
        several=("fastcgi", "http"),
        refuses=_without("script", "python", "user", "group", "authorizer", "static", "private"),
    ),
    "h2o": Server(
        "h2o",
        h2o.write,
        ("fastcgi",),
        refuses=_without("script", "python", "user", "multiplex", "ping", "authorizer", "private", "workers"),
    ),
    "apache": Server(
        "Apache",
        apache.write,
        ("fastcgi", "spawn", "cgi", "scgi", "uwsgi", "ajp", "http"),
        several=("fastcgi", "scgi", "uwsgi", "ajp", "http"),
        variants=(apache.SETHANDLER,),
        refuses=_without("multiplex", "ping", "user"),
    ),
    "htaccess": Server(
        "an .htaccess",
        htaccess.write,
        ("cgi", "spawn"),
        refuses={**_without("multiplex", "ping", "user", "group", "authorizer"), **htaccess.REFUSES},
    ),
    "systemd": Server(
        "systemd",
        systemd.write,
        TRANSPORTS,
        variants=(systemd.STANDALONE, systemd.MASTER),
        web=False,
        refuses=_without(*_OF_A_WEB_SERVER),
    ),
    "supervisor": Server(
        "supervisor",
        supervisor.write,
        TRANSPORTS,
        variants=(supervisor.FCGI_PROGRAM,),
        web=False,
        refuses=_without(*_OF_A_WEB_SERVER),
    ),
    "kubernetes": Server(
        "Kubernetes",
        kubernetes.write,
        ("fastcgi", "scgi", "uwsgi", "http"),
        web=False,
        refuses={
            **{name: _NOT_HERE[name] for name in ("multiplex", "script", "authorizer", "user", "python")},
            **kubernetes.REFUSES,
        },
    ),
    "container": Server(
        "a container",
        container.write,
        ("fastcgi", "scgi", "uwsgi", "http"),
        web=False,
        refuses={**_without("multiplex", "script", "authorizer", "python"), **container.REFUSES},
    ),
    "toml": Server(
        "a configuration file of gateways",
        toml.write,
        TRANSPORTS,
        several=TRANSPORTS,
        web=False,
        refuses=_without(*_OF_A_WEB_SERVER, "python"),
    ),
}


def describe(server: str, transport: str = "", addresses: Sequence[str] = (), **values: object) -> Deployment:
    """Return a description, with what is usual for the server where nothing is given.

    ``transport`` may also be ``spawn``. Raises ``ConfigError`` for what is not possible with this server.
    """
    row = find(server)
    chosen = transport or row.transports[0]
    if chosen not in row.transports:
        raise ConfigError(_does_not_speak(row, chosen))
    if not addresses and chosen not in ("cgi", "spawn"):
        addresses = [row.address]
    if len(addresses) > 1 and chosen not in row.several:
        if not row.web:
            raise ConfigError(f"{row.title}: give one address; gateways conf toml can have the application at several")
        raise ConfigError(f"{row.title} passes requests on to one address by {SPEECH[chosen]}; {_several(row)}")
    given = {
        "transport": "fastcgi" if chosen == "spawn" else chosen,
        "addresses": tuple(_canonical(text) for text in addresses),
        "given": frozenset(name for name, value in values.items() if not _is_left_out(value)),
        **values,
    }
    return Deployment(server, **given)  # type: ignore[arg-type]


def _is_left_out(value: object) -> bool:
    """Say whether a value is that of a flag that was not given; 0 is one of those that may be."""
    return value is None or value is False or value in ("", ())


def _canonical(text: str) -> str:
    """Return an address with its host, and without what URLs have; a relative path is to be refused."""
    return str(parse_address(text)) if text.startswith("unix:/") or not text.startswith("unix:") else text


def generate(deployment: Deployment) -> list[File]:
    """Write the files. Raises ``ConfigError`` for what the server cannot do."""
    row = find(deployment.server)
    for item in fields(deployment):
        reason = row.refuses.get(item.name)
        if reason and deployment.has(item.name):
            raise ConfigError(f"--{item.name.replace('_', '-')} with {row.title}: {reason}")
    if deployment.variant not in ("", *row.variants):
        known = f"it has {', '.join(row.variants) or 'none; leave it out'}"
        raise ConfigError(f"--variant {deployment.variant} with {row.title}: {known}")
    if row.web:
        _check_use(row, deployment)
    elif deployment.tls and deployment.transport != "http":
        raise ConfigError("--tls: the application itself speaks TLS by --http only; give it to the web server in front")
    return row.write(deployment)


def _check_use(row: Server, deployment: Deployment) -> None:
    """Raise ``ConfigError`` for what a web server makes use of in another way to reach the application only."""
    spawned = deployment.spawned
    used = {
        "script": spawned,
        "python": spawned,
        "group": any(place.startswith("unix:") for place in (*deployment.addresses, deployment.authorizer)),
        "workers": deployment.several or (spawned and deployment.transport == "fastcgi"),
    }
    for name, is_used in used.items():
        if deployment.has(name) and not is_used:
            raise ConfigError(f"--{name} with {row.title}: {_NOT_HERE[name]}")


def find(server: str) -> Server:
    """Return the row of a server. Raises ``ConfigError``."""
    if server not in SERVERS:
        slip = nearest(server, SERVERS)
        hint = f"did you mean {slip}?" if slip else f"there are {', '.join(SERVERS)}"
        raise ConfigError(f"no configuration is known for {server!r}; {hint}")
    return SERVERS[server]


def _does_not_speak(row: Server, transport: str) -> str:
    others = ", ".join(f"--{name}" for name in row.transports)
    known = [name for name, other in SERVERS.items() if other.web and transport in other.transports]
    elsewhere = f"; {', '.join(known)} can" if known else ""
    what = "start an application" if transport == "spawn" else f"speak {SPEECH[transport]}"
    return f"--{transport} with {row.title}: it cannot {what}: give {others}{elsewhere}"


def _several(row: Server) -> str:
    return f"several need --{' or --'.join(row.several)}" if row.several else "nginx, haproxy and apache know several"
