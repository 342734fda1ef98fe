"""Caddy: reverse_proxy by FastCGI or HTTP."""

from __future__ import annotations

import string
from urllib.parse import quote

from gateways.addresses import parse_address
from gateways.deploy.description import Deployment
from gateways.deploy.text import (
    SPEECH,
    File,
    comment,
    heading,
    in_order,
    indented,
    joined,
    literal,
    longest_first,
    milliseconds,
    refuse,
    where,
    word,
)

_TAB = "\t"
_UNCHANGED = "".join(set(string.printable) - set("{}"))


def write(deployment: Deployment) -> list[File]:
    """Return the Caddyfile."""
    lines = [
        *comment(_heading(deployment)),
        "",
        f"{deployment.server_name} {{",
        *indented(_site(deployment), _TAB),
        "}",
    ]
    name = "Caddyfile" if deployment.transport == "fastcgi" else "http.Caddyfile"
    return [File(f"caddy/{name}", joined(lines))]


def _heading(deployment: Deployment) -> list[str]:
    title = f"Caddy in front of an application by {SPEECH[deployment.transport]}, {where(deployment)}."
    install = [
        "Copy to /etc/caddy/Caddyfile, then",
        "  caddy validate --config /etc/caddy/Caddyfile && systemctl reload caddy",
    ]
    return [*heading(deployment, [title], install), "For Caddy 2.6 and newer."]


def _site(deployment: Deployment) -> list[str]:
    if deployment.tls:
        lines = [f"tls {deployment.tls[0]} {deployment.tls[1]}"]
    else:
        lines = [
            "# With a name that the world can find, Caddy gets a certificate by itself, and sends http:// on to https://.",
        ]
    lines += [f"root * {_directory(deployment.public, '--root', deployment)}", ""]
    if deployment.upload_limit:
        lines += [
            "# Bytes of an upload.",
            "request_body {",
            f"{_TAB}max_size {deployment.upload_limit}",
            "}",
            "",
        ]
    inside: list[str] = []
    number = 0
    for url, directory in in_order(deployment):
        number += bool(directory)
        inside += ["", *(_files(number, url, directory, deployment) if directory else _application(deployment))]
    # In this order: Caddy sorts what is not in a route.
    return [*lines, *_matcher(deployment), "route {", *indented([*inside[1:], *_rest(deployment)], _TAB), "}"]


def _files(number: int, url: str, directory: str, deployment: Deployment) -> list[str]:
    return [
        "# Files that need no application.",
        f'@{deployment.name}_static{number} path_regexp "^{literal(url)}/"',
        f"handle @{deployment.name}_static{number} {{",
        f"{_TAB}uri strip_prefix {_prefix(url)}",
        f"{_TAB}root * {_directory(directory, '--static', deployment)}",
        f"{_TAB}file_server",
        "}",
    ]


def _matcher(deployment: Deployment) -> list[str]:
    if not deployment.mount:
        return []
    return [
        f"# {deployment.mount} and everything below it, but not {deployment.mount}le; path would take capitals, too.",
        f'@{deployment.name} path_regexp "(?s)^{literal(deployment.mount)}(/.*)?$"',
        "",
    ]


def _application(deployment: Deployment) -> list[str]:
    return [
        f"handle @{deployment.name} {{" if deployment.mount else "handle {",
        f"{_TAB}# X_User and X-User become one variable, and Caddy lets the first of them win: a header that Caddy",
        f"{_TAB}# sets could be forged. No browser sends a name with an underscore.",
        f"{_TAB}request_header -*_*",
        "",
        *indented(_proxy(deployment), _TAB),
        "}",
    ]


def _rest(deployment: Deployment) -> list[str]:
    return ["", "# Other content.", "handle {", f"{_TAB}file_server", "}"] if deployment.mount else []


def _proxy(deployment: Deployment) -> list[str]:
    addresses = " ".join(_address(text) for text in deployment.addresses)
    fastcgi = deployment.transport == "fastcgi"
    inside = [*_balance(deployment), *(_by_fastcgi(deployment) if fastcgi else _by_http(deployment))]
    inside += [
        "",
        "# A streamed page leaves piece by piece.",
        "flush_interval -1",
        "",
        "# A chunked upload has no length. Caddy up to 2.8 passes it on while it arrives, later ones answer 411",
        "# (length required), unless they collect it first:",
        "# request_buffers 10MB",
    ]
    for number, (url, directory) in enumerate(longest_first(deployment.private), 1):
        inside += ["", *_private(f"@{deployment.name}_private{number}", url, directory, deployment)]
    lines = ["# Not php_fastcgi, which looks for index.php."] if fastcgi else []
    return [*lines, f"reverse_proxy {addresses} {{", *indented(inside, _TAB), "}"]


def _balance(deployment: Deployment) -> list[str]:
    if not deployment.several:
        return []
    return [
        "# The machine that has the least in hand. One that does not take a connection is left out for 5 s, and the",
        "# request goes to the next.",
        "lb_policy least_conn",
        "lb_try_duration 5s",
        "fail_duration 5s",
        "",
    ]


def _by_fastcgi(deployment: Deployment) -> list[str]:
    return [
        "transport fastcgi {",
        f"{_TAB}# What DOCUMENT_ROOT says.",
        f"{_TAB}root {_directory(deployment.public, '--root', deployment)}",
        f"{_TAB}# Tracebacks and wsgi.errors go to Caddy's log. Caddy 2.6 reads the line, and drops them all the same.",
        f"{_TAB}capture_stderr",
        f"{_TAB}dial_timeout 3s",
        f"{_TAB}# Without a byte from the application.",
        f"{_TAB}read_timeout {milliseconds(deployment)}",
        "}",
    ]


def _by_http(deployment: Deployment) -> list[str]:
    return [
        '# A client\'s Proxy: header must not look like a setting ("httpoxy"). X-Forwarded-For and -Proto are set by',
        "# Caddy: what the client wrote there itself is not true.",
        "header_up -Proxy",
        "transport http {",
        f"{_TAB}dial_timeout 3s",
        f"{_TAB}# Without a byte from the application.",
        f"{_TAB}read_timeout {milliseconds(deployment)}",
        f"{_TAB}# Kept connections: less than the gateway's keepalive_timeout (75 s).",
        f"{_TAB}keepalive 60s",
        "}",
    ]


def _private(name: str, url: str, directory: str, deployment: Deployment) -> list[str]:
    return [
        "# Files that only the application gives out: with the response header X-Accel-Redirect:",
        f"# {url}/name in place of a body, as it is: nginx wants it percent-encoded, Caddy does not.",
        f"{name} header X-Accel-Redirect {_pattern(url, deployment)}",
        f"handle_response {name} {{",
        f"{_TAB}root * {_directory(directory, '--private', deployment)}",
        f"{_TAB}rewrite * {{rp.header.X-Accel-Redirect}}",
        f"{_TAB}uri strip_prefix {_prefix(url)}",
        f"{_TAB}method * GET",
        f"{_TAB}file_server",
        "}",
    ]


def _address(text: str) -> str:
    address = parse_address(text)
    return f"unix/{address.path}" if address.kind == "unix" else text


def _prefix(url: str) -> str:
    """Return a path to strip: Caddy compares it decoded, except for umlauts, and braces would be a placeholder."""
    return f'"{quote(url, safe=_UNCHANGED)}"'


def _pattern(url: str, deployment: Deployment) -> str:
    """Return what a header has that names a file below the URL."""
    for character, why in (("{", "it begins a placeholder"), ("*", "it stands for anything")):
        if character in url:
            raise refuse(deployment, "--private", url, character, why)
    return f'"{url}/*"'


def _directory(text: str, flag: str, deployment: Deployment) -> str:
    return word(deployment, flag, text, {"{": "it begins a placeholder"})
