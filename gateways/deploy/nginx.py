"""nginx: fastcgi_pass, scgi_pass, uwsgi_pass and proxy_pass, for one machine or several, with or without authorizer."""

from __future__ import annotations

import re

from gateways.deploy.description import SIZE, Deployment
from gateways.deploy.overlaps import is_below
from gateways.deploy.text import (
    SPEECH,
    File,
    about_files,
    comment,
    heading,
    indented,
    joined,
    milliseconds,
    where,
    word,
)
from gateways.errors import ConfigError

_HTTPOXY = '# a client\'s Proxy: header must not look like a setting ("httpoxy")'
_BUFFERING = """\
# nginx collects a response before it sends it, which frees the application from slow clients. A page that is
# to arrive piece by piece asks for it with the response header "X-Accel-Buffering: no"."""

#: Characters of --name in the names of groups: PCRE has 32 for these. Two sites may have the same: they are set anew
#: for each request.
_GROUP = 26


def write(deployment: Deployment) -> list[File]:
    """Return the file for conf.d."""
    if deployment.authorizer and deployment.transport == "http":
        raise ConfigError("--authorizer with --http: the application would not be told who it is; give --fastcgi")
    lines = [
        *comment(_heading(deployment)),
        "",
        *_upstream(deployment),
        "",
        "# The port of the Host header. $host alone loses it; $http_host would let a client that sends an absolute URL",
        "# and another Host header choose the host name the application believes.",
        f"map $http_host ${deployment.variable}_port {{",
        '    default      "";',
        r'    "~(:\d+)$"   $1;',
        "}",
        "",
        *_redirect(deployment),
        "server {",
        *indented(_server(deployment)),
        "}",
    ]
    return [File(f"nginx/{_file_name(deployment)}.conf", joined(lines))]


def _file_name(deployment: Deployment) -> str:
    if deployment.authorizer:
        return "auth_request"
    if deployment.several:
        return "several-machines"
    return deployment.transport + ("-mounted" if deployment.mount else "")


def _heading(deployment: Deployment) -> list[str]:
    by = SPEECH[deployment.transport]
    title = [f"nginx in front of an application by {by}, {where(deployment)}."]
    if deployment.several:
        title = [
            f"nginx in front of an application that is served on several machines, by {by}:",
            "docs/howto/several-machines.md.",
        ]
    if deployment.authorizer:
        title = ["nginx asks an authorizer before it answers: docs/howto/authorizer.md."]
    install = [f"Copy to /etc/nginx/conf.d/{deployment.name}.conf, then", "  nginx -t && systemctl reload nginx"]
    return [*heading(deployment, title, install), *_better(deployment)]


def _better(deployment: Deployment) -> list[str]:
    return ["FastCGI tells the application more: fastcgi.conf."] if deployment.transport == "http" else []


def _upstream(deployment: Deployment) -> list[str]:
    lines = [f"upstream {deployment.name}_app {{"]
    if deployment.several:
        lines += [
            "    # One memory for all processes of nginx: what one of them found out, all know.",
            f"    zone {deployment.name}_app 64k;",
            '    # After two failures within 5 s a machine is left out for 5 s. "down" at the end of a line takes it',
            "    # out: change it, reload nginx, and no request goes there any more.",
        ]
    for address in deployment.addresses:
        lines.append(f"    server {address}{' max_fails=2 fail_timeout=5s' if deployment.several else ''};")
    if deployment.transport in ("fastcgi", "http"):
        lines += _keeping_several(deployment) if deployment.several else _KEEPING
    return [*lines, "}"]


_KEEPING = [
    "    # Kept connections save a connect for each request. They cost the gateway no thread while they are idle.",
    "    keepalive 16;",
    "    keepalive_timeout 60s;  # less than the gateway's keepalive_timeout (75 s): the side that sends closes first",
]


def _keeping_several(deployment: Deployment) -> list[str]:
    with_it = ", and fastcgi_keep_conn below" if deployment.transport == "fastcgi" else ""
    return [
        f"    # Kept connections save a connect for each request: take this in{with_it}. A POST that",
        "    # meets a kept connection just when its machine reloads or stops is then answered 502, as nginx cannot",
        "    # know what became of it.",
        "    # keepalive 16;",
        "    # keepalive_timeout 60s;  # less than the gateway's keepalive_timeout (75 s)",
    ]


def _redirect(deployment: Deployment) -> list[str]:
    if not deployment.tls:
        return []
    return [
        "server {",
        "    listen 80;",
        f"    server_name {deployment.server_name};",
        "    return 301 https://$host$request_uri;",
        "}",
        "",
    ]


def _server(deployment: Deployment) -> list[str]:
    lines = ["listen 443 ssl;" if deployment.tls else "listen 80;", f"server_name {deployment.server_name};"]
    if deployment.tls:
        certificate, key = deployment.tls
        lines += [
            f"ssl_certificate {certificate};",
            f"ssl_certificate_key {key};",
            "ssl_protocols TLSv1.2 TLSv1.3;",
            "# Certificates of clients; their variables are passed on below.",
            "# ssl_client_certificate /etc/ssl/clients.pem;",
            "# ssl_verify_client optional;",
        ]
    lines += [
        f"root {_directory('--root', deployment.public, deployment)};",
        "",
        f"client_max_body_size {SIZE.show(deployment.upload_limit).lower()};"
        "  # the default is 1m: larger uploads are answered 413 before the application sees them",
    ]
    for url, directory in deployment.static:
        lines += ["", f"# {about_files(deployment)}", *_files(url, "--static", directory, deployment)]
    for url, directory in deployment.private:
        lines += [
            "",
            "# Files that only the application gives out: with the response header X-Accel-Redirect:",
            f"# {url}/name, percent-encoded, in place of a body.",
            *_files(url, "--private", directory, deployment),
        ]
    lines += ["", *_location(deployment)]
    if deployment.authorizer:
        lines += ["", *_authorizer(deployment)]
    return lines


def _files(url: str, flag: str, directory: str, deployment: Deployment) -> list[str]:
    # ^~: regular expressions, such as that of a mount point, are not tried any more.
    first = "" if is_below(deployment.mount, url) else "^~ "
    location = f"location {first}{word(deployment, flag, url + '/', {})} {{"
    internal = ["    internal;"] if flag == "--private" else []
    return [location, *internal, f"    alias {_directory(flag, directory + '/', deployment)};", "}"]


def _location(deployment: Deployment) -> list[str]:
    inside = _guard(deployment) if deployment.authorizer else []
    inside += _pass_by_http(deployment) if deployment.transport == "http" else _pass_by_cgi(deployment)
    if not deployment.mount:
        return ["location / {", *indented(inside), "}"]
    pattern = f"(?s)^(?<{_mount(deployment)[1:]}>{re.escape(deployment.mount)})(?<{_path(deployment)[1:]}>/.*)?$"
    mount = deployment.mount
    return [
        f"# {mount} and everything below it, but not {mount}le: the second group begins with a slash or is empty.",
        f"# A prefix location would take {mount}le too. (?s) lets the dot match the line feed of %0A.",
        f'location ~ "{pattern}" {{',
        *indented(inside),
        "}",
    ]


def _guard(deployment: Deployment) -> list[str]:
    name = deployment.variable
    return [
        "# 200 lets it pass; 401 (with its WWW-Authenticate) and 403 go to the client; anything else is a 500.",
        f"auth_request /.{deployment.name}-authorizer;",
        "# The path in question, decoded as the application gets it: $document_uri is another one over there.",
        f"set ${name}_mount_asked {_mount(deployment)};",
        f"set ${name}_path_asked {_path(deployment)};",
        "# The authorizer's variables, one line for each: the header Variable-REMOTE_USER, in small letters.",
        "auth_request_set $allowed_user $upstream_http_variable_remote_user;",
        "# A page to log in, in place of the browser's dialog:",
        "# error_page 401 = @login;",
        "",
    ]


def _mount(deployment: Deployment) -> str:
    return f"${deployment.variable[:_GROUP]}_mount" if deployment.mount else '""'


def _path(deployment: Deployment) -> str:
    return f"${deployment.variable[:_GROUP]}_path" if deployment.mount else "$document_uri"


def _pass_by_http(deployment: Deployment) -> list[str]:
    name, port = deployment.name, f"${deployment.variable}_port"
    return [
        f"proxy_pass http://{name}_app;  # without a path: the application gets the URL as the client wrote it",
        "proxy_http_version 1.1;  # the default is 1.0, which keeps no connections",
        "proxy_redirect off;",
        *_several(deployment, "proxy"),
        "",
        'proxy_set_header  Connection         "";',
        f"proxy_set_header  Host               $host{port};",
        f'proxy_set_header  Proxy              "";  {_HTTPOXY}',
        "# Set, not added to: what the client wrote there itself is not true.",
        "proxy_set_header  X-Forwarded-For    $remote_addr;",
        "proxy_set_header  X-Forwarded-Proto  $scheme;",
        "",
        *_times_and_buffers(deployment, "proxy"),
    ]


def _pass_by_cgi(deployment: Deployment) -> list[str]:
    kind = deployment.transport
    lines = [f"{kind}_pass {deployment.name}_app;"]
    if kind == "fastcgi":
        lines.append("# fastcgi_keep_conn on;" if deployment.several else "fastcgi_keep_conn on;")
    lines += _several(deployment, kind)
    complete = f"# Complete as it is: do not also include {kind}_params, which would send a second SCRIPT_NAME."
    if kind == "scgi":
        complete += " CONTENT_LENGTH is sent\n# by nginx on its own."
    lines += ["", *complete.split("\n"), *_params(deployment, kind, _variables(deployment)), ""]
    if deployment.authorizer:
        lines += [f"{kind}_param  REMOTE_USER        $allowed_user;", ""]
    else:
        lines += [
            "# Only together with auth_basic: without it nginx takes the name from the request, and checks nothing.",
            f"# {kind}_param  REMOTE_USER  $remote_user;",
            "",
        ]
    return [*lines, *_times_and_buffers(deployment, kind)]


def _several(deployment: Deployment, kind: str) -> list[str]:
    if not deployment.several:
        return []
    return [
        "",
        "# What failed on one machine goes to the other: nobody listens, no answer to the connect, or the connection",
        "# broke before the answer began. A POST only if nothing of it was sent yet: it may have been carried out.",
        f"{kind}_next_upstream error timeout invalid_header;",
        f"{kind}_next_upstream_tries 2;",
        f"# Not after this time: a page that takes longer than {kind}_read_timeout is not asked for a second time.",
        f"{kind}_next_upstream_timeout 10s;",
        f"{kind}_connect_timeout 2s;  # a machine that is switched off does not even refuse",
    ]


def _variables(deployment: Deployment) -> list[tuple[str, str]]:
    """Return name and value, those of TLS included, of each variable."""
    pairs = [
        ("REQUEST_METHOD", "$request_method"),
        ("SCRIPT_NAME", _mount(deployment)),
        ("PATH_INFO", _path(deployment)),
        ("QUERY_STRING", "$query_string"),
        ("REQUEST_URI", "$request_uri"),
        ("CONTENT_TYPE", "$content_type"),
        ("CONTENT_LENGTH", "$content_length"),
        ("SERVER_PROTOCOL", "$server_protocol"),
        ("SERVER_NAME", "$server_name"),
        ("SERVER_PORT", "$server_port"),
        ("SERVER_ADDR", "$server_addr"),
        ("SERVER_SOFTWARE", "nginx/$nginx_version"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REMOTE_ADDR", "$remote_addr"),
        ("REMOTE_PORT", "$remote_port"),
        ("REQUEST_SCHEME", "$scheme"),
        ("HTTPS", "$https if_not_empty"),
    ]
    if deployment.tls:
        pairs += [
            ("SSL_PROTOCOL", "$ssl_protocol"),
            ("SSL_CIPHER", "$ssl_cipher"),
            ("SSL_CLIENT_VERIFY", "$ssl_client_verify if_not_empty"),
            ("SSL_CLIENT_S_DN", "$ssl_client_s_dn if_not_empty"),
            ("SSL_CLIENT_I_DN", "$ssl_client_i_dn if_not_empty"),
            ("SSL_CLIENT_M_SERIAL", "$ssl_client_serial if_not_empty"),
        ]
    pairs += [("DOCUMENT_ROOT", "$document_root"), ("HTTP_HOST", f"$host${deployment.variable}_port")]
    return [*pairs, ("HTTP_PROXY", '""')]


def _params(deployment: Deployment, kind: str, pairs: list[tuple[str, str]]) -> list[str]:
    lines = []
    for name, value in pairs:
        if kind == "scgi" and name == "CONTENT_LENGTH":
            name, value = "SCGI", "1"
        why = f"  {_HTTPOXY}" if name == "HTTP_PROXY" else ""
        lines.append(f"{kind}_param  {name:<19}{value};{why}")
    return lines


def _times_and_buffers(deployment: Deployment, kind: str) -> list[str]:
    lines = [f"{kind}_read_timeout {milliseconds(deployment)};  # without a byte from the application", ""]
    lines += _BUFFERING.split("\n")
    lines.append(f"{kind}_buffering off;" if deployment.unbuffered else f"# {kind}_buffering off;  # for every page")
    return [
        *lines,
        f"# {kind}_request_buffering off;  # uploads reach the application at once, chunked ones without a length",
        f"# {kind}_buffer_size 16k;  # for the header of a response, cookies included; larger than 4 KB is a 502",
        f"# {kind}_buffers 8 16k;  # goes with it",
    ]


def _authorizer(deployment: Deployment) -> list[str]:
    name = deployment.variable
    given = {"SCRIPT_NAME": f"${name}_mount_asked", "PATH_INFO": f"${name}_path_asked"}
    pairs = [(key, given.get(key, value)) for key, value in _variables(deployment)]
    pairs = [pair for pair in pairs if pair[0] not in ("CONTENT_TYPE", "CONTENT_LENGTH")]
    return [
        f"location = /.{deployment.name}-authorizer {{",
        "    internal;",
        f"    fastcgi_pass {deployment.authorizer};",
        "    fastcgi_pass_request_body off;",
        '    fastcgi_param  CONTENT_LENGTH     "";  # no body is sent, so its length must not be, either',
        *indented(_params(deployment, "fastcgi", pairs)),
        "}",
    ]


def _directory(flag: str, path: str, deployment: Deployment) -> str:
    return word(deployment, flag, path, {"$": "it is the sign of a variable"})
