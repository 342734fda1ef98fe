"""Apache's mod_proxy: an application at an address, by ProxyPass or SetHandler, or on several machines."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from gateways.addresses import Address, parse_address
from gateways.deploy import apache_site as site
from gateways.deploy.description import Deployment
from gateways.deploy.text import SPEECH, files_inside, heading, indented, seconds, serving, where

SCHEMES = {"fastcgi": "fcgi", "scgi": "scgi", "uwsgi": "uwsgi", "ajp": "ajp", "http": "http"}

_TITLES = {
    "fastcgi": "FastCGI (mod_proxy_fcgi)",
    "scgi": "SCGI (mod_proxy_scgi)",
    "uwsgi": "the uwsgi protocol (mod_proxy_uwsgi)",
    "ajp": "AJP13 (mod_proxy_ajp)",
    "http": "HTTP (mod_proxy_http)",
}

_MODULES = {"fastcgi": ("setenvif", "env"), "http": ("headers", "env")}

_BETTER = {
    "scgi": "FastCGI is the better choice: it keeps connections, and reports errors to Apache's log.",
    "uwsgi": "FastCGI is the better choice: it keeps connections, and reports errors to Apache's log.",
    "ajp": "AJP13 has no place for wsgi.errors: FastCGI is the better choice where there is one.",
    "http": "FastCGI tells the application more, and reports its errors to Apache's log: proxy_fcgi.conf.",
}

_FLUSHED = "flushpackets: streamed pages leave at once. timeout: seconds without a byte from the application."

#: Seconds that an idle connection is kept: less than the gateway's keepalive_timeout of 75 s.
_TTL = 60


def proxy(deployment: Deployment) -> site.Parts:
    """Return the file with ProxyPass."""
    transport = deployment.transport
    title = [f"Apache in front of an application by {_TITLES[transport]}, {where(deployment)}."]
    modules = [f"proxy_{SCHEMES[transport]}", *_MODULES.get(transport, ())]
    served = [*serving(deployment, _flags(deployment)), *_notes(deployment)]
    lines = passing(deployment, section=_section(deployment))
    return (
        heading(deployment, title, site.install(deployment, modules), served),
        site.virtual_host(deployment, lines),
    )


def passing(deployment: Deployment, application: Sequence[str] = (), section: Sequence[str] = ()) -> list[str]:
    """Return the lines that pass requests on, by default with ProxyPass, and a section for the application's path."""
    lines = [*_root(deployment), "", *site.around(deployment, application or _pass(deployment), proxied=True)]
    return [*lines, *(["", *section] if section else []), *_more(deployment)]


def sethandler(deployment: Deployment) -> site.Parts:
    """Return the file with SetHandler."""
    title = [
        f"Apache in front of an application by FastCGI, {where(deployment)}, by SetHandler.",
        "",
        "SetHandler in place of ProxyPass lets other directives of the <Location> decide first, about access for one.",
    ]
    note = "By SetHandler Apache does not say where the application is mounted: hence --script-name."
    served = [*serving(deployment, f" --script-name {shlex.quote(deployment.mount or '/')}"), note]
    backend = _backend(deployment)
    handled = [
        f'SetHandler "proxy:{backend}"',
        *_authorization(),
        *site.limit(deployment),
        *_collected(),
        *site.tls_variables(deployment),
        "Require all granted",
    ]
    worker = ["# Without these lines Apache opens a connection for each request.", *_worker(deployment, backend)]
    lines = [*_root(deployment), "", *site.around(deployment, worker), ""]
    lines += [*site.location(deployment, deployment.mount, handled), *_handled_files(deployment)]
    lines += [*site.private(deployment), *site.encoded_slashes()]
    return (
        heading(deployment, title, site.install(deployment, ["proxy_fcgi", "env"]), served),
        site.virtual_host(deployment, lines),
    )


def _handled_files(deployment: Deployment) -> list[str]:
    """Return sections that take the files below the application from its handler; later sections count."""
    sections = [site.location(deployment, path, ["SetHandler None"]) for path in files_inside(deployment)]
    return [line for section in sections for line in ["", *section]]


def balancer(deployment: Deployment) -> site.Parts:
    """Return the file for several machines."""
    transport = deployment.transport
    title = [
        f"Apache in front of an application that is served on several machines by {_TITLES[transport]},",
        f"with mod_proxy_balancer, {where(deployment)}.",
    ]
    modules = [f"proxy_{SCHEMES[transport]}", "proxy_balancer", "lbmethod_bybusyness", *_MODULES.get(transport, ())]
    served = [*serving(deployment, _flags(deployment), ["See docs/howto/several-machines.md."])]
    name = f"balancer://{deployment.name}"
    options = f"connectiontimeout=2 retry=5 {_parameters(deployment, keep=False)}"
    members = [
        *(f"BalancerMember {_target(parse_address(text), transport)} {options}" for text in deployment.addresses),
        "# The machine that has the least in hand.",
        "ProxySet lbmethod=bybusyness",
        "# A request that nobody took goes to the next machine. One that was taken is not repeated.",
        "ProxySet maxattempts=1",
    ]
    application = [
        *site.remark(
            "connectiontimeout: seconds until a machine that does not answer is left out; retry: seconds it is left "
            f"out for. {_FLUSHED}"
        ),
        f"<Proxy {name}>",
        *indented(members),
        "</Proxy>",
        _pass_line(deployment, name),
    ]
    lines = passing(deployment, application, _section(deployment))
    return (
        heading(deployment, title, site.install(deployment, modules), served),
        site.virtual_host(deployment, lines),
    )


def _root(deployment: Deployment) -> list[str]:
    return site.document_root(deployment, served=bool(deployment.mount))


def _target(address: Address, transport: str) -> str:
    """Return the address as mod_proxy writes it, without a path."""
    scheme = SCHEMES[transport]
    return f"unix:{address.path}|{scheme}://localhost" if address.kind == "unix" else f"{scheme}://{address}"


def _backend(deployment: Deployment) -> str:
    return _target(deployment.address, deployment.transport)


def _whole(deployment: Deployment) -> bool:
    """Whether the backend is asked for the whole path, and told its mount: nothing else would show it the mount."""
    return bool(deployment.mount) and deployment.transport in ("ajp", "http")


def _flags(deployment: Deployment) -> str:
    """Return the flags that ``gateways serve`` needs here."""
    flags = f" --script-name {shlex.quote(deployment.mount)}" if _whole(deployment) else ""
    if deployment.ajp_secret:
        flags += f" --ajp-secret {shlex.quote(deployment.ajp_secret)}"
    return flags


def _parameters(deployment: Deployment, *, keep: bool = True) -> str:
    """Return how connections are used. They are kept, unless ``keep`` is false."""
    transport = deployment.transport
    words = []
    if deployment.ajp_secret:
        words.append(site.word(deployment, "--ajp-secret", f"secret={deployment.ajp_secret}"))
    if transport == "ajp":
        words.append("ping=1")
    elif keep and transport == "fastcgi":
        words.append("enablereuse=on")
    if keep and transport in ("fastcgi", "ajp", "http"):
        words.append(f"ttl={_TTL}")
    return " ".join([*words, "flushpackets=on", f"timeout={seconds(deployment)}"])


def _explained(deployment: Deployment) -> list[str]:
    """Say what the parameters mean."""
    sentences = []
    if deployment.transport == "fastcgi":
        sentences.append("enablereuse: keep connections; they cost the gateway no thread while they are idle.")
    if deployment.transport == "ajp":
        sentences.append("ping: ask an idle connection whether it still stands before a request is sent on it.")
    if deployment.transport in ("fastcgi", "ajp", "http"):
        sentences.append("ttl: less than the gateway's keepalive_timeout (75 s): the side that sends closes first.")
    if deployment.transport == "http":
        sentences.append("nocanon: the application gets the URL as the client wrote it.")
    return site.remark(" ".join([*sentences, _FLUSHED]))


def _worker(deployment: Deployment, backend: str) -> list[str]:
    """Return the section that says how connections to a backend are used, whatever the path."""
    return [f'<Proxy "{backend}" {_parameters(deployment)}>', "</Proxy>"]


def _pass(deployment: Deployment) -> list[str]:
    """Return the lines that pass requests on."""
    backend = _backend(deployment)
    lines = _explained(deployment)
    if not _whole(deployment):
        return [*lines, _pass_line(deployment, backend, _parameters(deployment))]
    # The parameters of a ProxyPass hold for its path as it is encoded in requests, which may differ.
    return [*lines, *_worker(deployment, backend), _pass_line(deployment, backend)]


def _pass_line(deployment: Deployment, backend: str, parameters: str = "") -> str:
    path = deployment.mount or "/"
    below = path if _whole(deployment) or not deployment.mount else ""
    words = ["ProxyPass", site.url(deployment, path), site.word(deployment, "the path", backend + below)]
    words += ["nocanon"] if deployment.transport == "http" else []
    return " ".join([*words, *([parameters] if parameters else [])])


def _authorization() -> list[str]:
    return ["# The Authorization header belongs to the application", "CGIPassAuth On"]


def _section(deployment: Deployment) -> list[str]:
    """Return what holds for the path of the application."""
    inside = [] if deployment.transport in ("ajp", "http") else _authorization()
    inside += [*site.limit(deployment), *site.tls_variables(deployment), "Require all granted"]
    return site.location(deployment, deployment.mount, inside)


def _more(deployment: Deployment) -> list[str]:
    """Return the directives that belong to the whole virtual host."""
    lines = []
    if deployment.transport == "fastcgi":
        where_ = f"^{site.pattern(deployment.mount)}/" if deployment.mount else "."
        lines += [
            "",
            "# SCRIPT_NAME and PATH_INFO as applications expect them; gateways understands what comes without it, too.",
            f"SetEnvIf Request_URI {site.word(deployment, '--mount', where_)} proxy-fcgi-pathinfo=unescape",
            "",
            *_collected(),
        ]
    if deployment.transport == "http":
        lines += [
            "ProxyPreserveHost On",
            *_collected(),
            "",
            *site.remark(
                "Set, not added to: what the client wrote there itself is not true. X-Forwarded-For comes from Apache; "
                "of several addresses in it, the last is the one that Apache has seen."
            ),
            "RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}",
            "RequestHeader unset X-Forwarded-For early",
            "RequestHeader unset Proxy early",
        ]
    lines += site.private(deployment)
    return [*lines, *site.encoded_slashes("NoDecode" if deployment.transport == "http" else "On")]


def _collected() -> list[str]:
    return [
        "# A chunked upload is collected and passed on with its length: many frameworks take one without it for empty.",
        "SetEnv proxy-sendcl 1",
    ]


def _notes(deployment: Deployment) -> list[str]:
    lines = []
    if deployment.ajp_secret:
        lines += [
            "--ajp-secret @/path/to/file is better: everybody on a machine sees arguments of processes. On loopback",
            "the secret may be left out at both ends; on another address it may not.",
        ]
    if _whole(deployment):
        lines.append(f"--script-name: {SPEECH[deployment.transport]} does not say where the application is mounted.")
    better = _BETTER.get(deployment.transport)
    return [*lines, *([better] if better else [])]
