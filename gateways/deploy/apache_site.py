"""What Apache's files have in common: words that cannot break out of a line, paths, and the frame of a virtual host."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence

from gateways.deploy.description import Deployment
from gateways.deploy.text import comment, in_order, indented, refuse
from gateways.deploy.text import word as text_word

Parts = tuple[list[str], list[str]]
"""The heading of a file, and its lines."""

#: What is a pattern in <Directory> and <Location>.
_PATTERN = re.compile(r"[*?\[\]]")


def remark(text: str) -> list[str]:
    """Return a comment, in lines that are not too long inside of a virtual host."""
    return comment(textwrap.wrap(text, 112, break_long_words=False, break_on_hyphens=False))


def word(deployment: Deployment, what: str, text: str) -> str:
    """Return ``text`` as one word of a directive. Raises ``ConfigError`` for what Apache would replace in it."""
    return text_word(deployment, what, text, {"${": "it begins a variable"})  # also between quotes


def url(deployment: Deployment, path: str) -> str:
    """Return a URL path as a word."""
    return word(deployment, "the path", path)


def pattern(path: str) -> str:
    """Return a regular expression for a URL path, without quotes around it."""
    return re.escape(path)


def location(deployment: Deployment, path: str, inside: Iterable[str]) -> list[str]:
    """Return a section for a path of the site and all below it; with a slash at its end, for that alone."""
    if _PATTERN.search(path):
        argument = word(deployment, "--mount", f"^{pattern(path)}{'' if path.endswith('/') else '(?:/|$)'}")
        return [f"<LocationMatch {argument}>", *indented(inside), "</LocationMatch>"]
    return [f"<Location {url(deployment, path or '/')}>", *indented(inside), "</Location>"]


def directory(deployment: Deployment, path: str, inside: Iterable[str] = ("Require all granted",)) -> list[str]:
    """Return a section for a directory. Raises ``ConfigError`` for a path that would be a pattern there."""
    found = _PATTERN.search(path)
    if found:
        raise refuse(deployment, "the directory", path, found[0], "a path with it is a pattern")
    return [f"<Directory {word(deployment, 'the directory', path)}>", *indented(inside), "</Directory>"]


def around(deployment: Deployment, application: Sequence[str], *, proxied: bool = False) -> list[str]:
    """Return the directives that map paths: those of static files around those of the application."""
    lines: list[str] = []
    for path, place in in_order(deployment):
        lines += ["", *(_files(deployment, path, place, proxied) if place else application)]
    return lines[1:]


def _files(deployment: Deployment, path: str, place: str, proxied: bool) -> list[str]:
    return [
        f"Alias {url(deployment, f'{path}/')} {word(deployment, '--static', f'{place}/')}",
        *directory(deployment, place),
        *([f"ProxyPass {url(deployment, f'{path}/')} !"] if proxied else []),
    ]


def document_root(deployment: Deployment, *, served: bool) -> list[str]:
    """Return the lines about the files of the site itself, which are ``served`` where the application is not at /."""
    line = f"DocumentRoot {word(deployment, '--root', deployment.public)}"
    return [line, *(directory(deployment, deployment.public) if served else [])]


def private(deployment: Deployment) -> list[str]:
    """Return the lines that let the application have Apache send files."""
    if not deployment.private:
        return []
    example = f"{deployment.private[0][1]}/..."
    return [
        "",
        f'# A response with the header "X-Sendfile: {example}" is answered with that file.',
        "XSendFile On",
        *(f"XSendFilePath {word(deployment, '--private', place)}" for _, place in deployment.private),
    ]


def limit(deployment: Deployment) -> list[str]:
    """Return the lines that limit uploads, for a section of the application."""
    size = deployment.upload_limit
    if deployment.transport in ("cgi", "scgi", "uwsgi"):
        text = "what is larger is answered 413" if size else "0: as many as there are"
        return [f"# Bytes of an upload; {text}. The default is 1 GiB", f"LimitRequestBody {size}"]
    # mod_proxy_fcgi, _ajp and _http do not obey it, and with mod_fcgid the application gets an empty body.
    lines = [
        "# FcgidMaxRequestLen is the limit: with this one the application would get an empty body",
        "LimitRequestBody 0",
    ]
    lines = lines if deployment.spawned else []
    if not size:
        return lines
    why = "Larger uploads are answered 413"
    if not deployment.spawned:
        why += "; those without a length meet max_body_size of gateways serve"
    # %{HTTP:...} would add a Vary header to each response.
    return [*lines, f"# {why}", f"<If \"req_novary('Content-Length') -gt {size}\">", "    Redirect 413 /", "</If>"]


def tls_variables(deployment: Deployment) -> list[str]:
    """Return the lines that tell the application about TLS beyond ``wsgi.url_scheme``."""
    if deployment.tls is None:
        return []
    return ["# SSL_PROTOCOL, SSL_CIPHER, SSL_CLIENT_S_DN and their like", "SSLOptions +StdEnvVars"]


def encoded_slashes(value: str = "On") -> list[str]:
    """Return the lines that let ``%2F`` pass."""
    return ["", "# Without this, paths that hold %2F are answered 404", f"AllowEncodedSlashes {value}"]


def virtual_host(deployment: Deployment, inside: Iterable[str]) -> list[str]:
    """Return the virtual host, and with TLS one more, which sends clients to it."""
    names = _names(deployment)
    if deployment.tls is None:
        return ["<VirtualHost *:80>", *indented([*names, *inside]), "</VirtualHost>"]
    certificate, key = deployment.tls
    tls = [
        "",
        "SSLEngine On",
        f"SSLCertificateFile {certificate}",
        f"SSLCertificateKeyFile {key}",
        "SSLProtocol -all +TLSv1.2 +TLSv1.3",
        "",
    ]
    return [
        *["<VirtualHost *:80>", *indented([*names, *_redirect(deployment)]), "</VirtualHost>", ""],
        *["<VirtualHost *:443>", *indented([*names, *tls, *inside]), "</VirtualHost>"],
    ]


def _names(deployment: Deployment) -> list[str]:
    name = deployment.server_name
    if name.startswith("*."):
        return [f"ServerName {name[2:]}", f"ServerAlias {name}"]
    return [f"ServerName {name}"]


def _redirect(deployment: Deployment) -> list[str]:
    if deployment.server_name.startswith("*."):
        return ["RewriteEngine On", "RewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L,NE]"]
    return [f"Redirect permanent / https://{deployment.server_name}/"]


def install(deployment: Deployment, modules: Iterable[str], packages: Sequence[str] = ()) -> list[str]:
    """Return the lines that say how to bring the file into use."""
    names = dict.fromkeys(modules)
    if deployment.private:
        names["xsendfile"] = None
        packages = [*packages, "libapache2-mod-xsendfile"]
    names["alias"] = None
    if deployment.tls:
        names["ssl"] = None
        if deployment.server_name.startswith("*."):
            names["rewrite"] = None
    copied = f"/etc/apache2/sites-available/{deployment.name}.conf"
    commands = [f"apt install {' '.join(packages)}"] if packages else []
    commands += [f"a2enmod {' '.join(names)} && a2ensite {deployment.name}", "systemctl reload apache2"]
    return [f"Copy to {copied}, then", *(f"  {command}" for command in commands)]
