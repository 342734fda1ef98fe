"""The settings that say where a process listens, to whom, and what is believed of the way there."""

from __future__ import annotations

from gateways.adapters.forwarded import FIELDS, USUAL_FIELDS
from gateways.declared import Declared, setting
from gateways.values import (
    Address,
    Choice,
    Many,
    Mode,
    Number,
    Path,
    Secret,
    Size,
    Switch,
    Text,
)

LISTENING = "Listening"

#: Where a server listens, by the protocol that it speaks there.
LISTENERS = ("fastcgi", "scgi", "uwsgi", "ajp", "http", "listen")


class Listening(Declared):
    """Where a process listens."""

    fastcgi: tuple[str, ...] = setting(
        (),
        Many(Address()),
        LISTENING,
        "Serve FastCGI on this address. Can be given several times.",
    )
    scgi: tuple[str, ...] = setting(
        (),
        Many(Address()),
        LISTENING,
        "Serve SCGI on this address. Can be given several times.",
    )
    uwsgi: tuple[str, ...] = setting(
        (),
        Many(Address()),
        LISTENING,
        "Serve the uwsgi protocol on this address, for nginx's uwsgi_pass and the like. Can be given several times.",
    )
    ajp: tuple[str, ...] = setting(
        (),
        Many(Address()),
        LISTENING,
        "Serve AJP13 on this address. Can be given several times.",
    )
    ajp_secret: str | None = setting(
        None,
        Secret(),
        LISTENING,
        "Serve AJP13 requests only when they know this secret (Apache: ProxyPass ... secret=...). Required for an "
        "address other than loopback. @/path is a file that holds it, which its owner alone should be able to read: "
        "everybody sees the arguments of a process.",
    )
    ajp_packet_size: int = setting(
        8192,
        Size(8192, 65536),
        LISTENING,
        "Bytes of the longest AJP13 packet. All headers of a request fit into one, and all of a response. Raise it "
        "together with that of the web server (Apache: ProxyIOBufferSize).",
    )
    http: tuple[str, ...] = setting(
        (),
        Many(Address()),
        LISTENING,
        "Serve HTTP/1.1 on this address. Needs the package h11: pip install 'gateways[http]'. Can be given several "
        "times.",
    )
    listen: tuple[str, ...] = setting(
        (),
        Many(Address()),
        LISTENING,
        "Serve any of these protocols on this address: the first bytes of each connection tell which it is. Can be "
        "given several times.",
    )
    allowed_clients: tuple[str, ...] = setting(
        (),
        Many(Text("NETWORK", 'an address, a network such as 10.0.0.0/8, or "any"')),
        LISTENING,
        "Accept TCP connections from this address or network only. Required for an address other than loopback, "
        "because FastCGI, SCGI and uwsgi know no passwords, and AJP13 sends its secret in clear; HTTP is for everyone "
        'without it. "any" allows everyone. Can be given several times.',
    )
    socket_mode: int = setting(
        0o660,
        Mode(),
        LISTENING,
        "Permissions of a Unix socket. The web server needs to write to it.",
    )
    socket_owner: str | None = setting(
        None,
        Text("USER", "a user name or number"),
        LISTENING,
        "Owner of a Unix socket. Only root may give files away.",
    )
    socket_group: str | None = setting(
        None,
        Text("GROUP", "a group name or number"),
        LISTENING,
        "Group of a Unix socket, such as www-data, for the web server to write to it. You have to be a member of it.",
    )
    max_http_version: str = setting(
        "HTTP/1.1",
        Choice("VERSION", "HTTP/1.0", "HTTP/1.1"),
        LISTENING,
        "The newest version that is spoken with clients of http. HTTP/1.0 is for those that cannot do the newer one.",
    )
    certfile: str | None = setting(
        None,
        Path("FILE", "a file in PEM form"),
        LISTENING,
        "Speak TLS (HTTPS) on the addresses of http, with the certificate in this file, followed by those between it "
        "and a known authority. A reload reads it again, with workers.",
    )
    keyfile: str | None = setting(
        None,
        Path("FILE", "a file in PEM form"),
        LISTENING,
        "The private key of certfile, without a passphrase. Default: it is in certfile.",
    )
    forwarded_allow_ips: tuple[str, ...] = setting(
        (),
        Many(Text("NETWORK", 'an address, a network such as 10.0.0.0/8, "unix" or "any"')),
        LISTENING,
        "Believe a proxy at this address or network what it says of the client by X-Forwarded-For and the like, for "
        'HTTP. "unix" is whoever comes by a Unix socket. Nobody is believed by default. Can be given several times.',
    )
    forwarded_headers: tuple[str, ...] = setting(
        USUAL_FIELDS,
        Many(Choice("FIELD", *FIELDS)),
        LISTENING,
        "Which header fields of forwarded_allow_ips count: x-forwarded-for, x-forwarded-proto, x-forwarded-host, or "
        "forwarded alone. Only what the proxy always sets is safe: another one comes from the client. Can be given "
        "several times.",
    )
    proxy_protocol: bool = setting(
        False,
        Switch(),
        LISTENING,
        "Every connection to the addresses of http begins with a header of the PROXY protocol, version 1 or 2, from a "
        "proxy in forwarded_allow_ips; all others are closed.",
    )
    backlog: int = setting(
        1024,
        Number(1, 65535),
        LISTENING,
        "Connections the system keeps waiting while all threads are busy. The kernel may allow fewer: "
        "net.core.somaxconn.",
    )
    fcgi_multiplex: int = setting(
        0,
        Number(0, 1000),
        LISTENING,
        "Requests that a web server may send side by side on one FastCGI connection (HAProxy: option mpxs-conns). More "
        "are answered 503. Not on an address of listen, nor with worker gevent. 0 switches it off: then a second "
        "one is refused until the first is answered.",
    )
