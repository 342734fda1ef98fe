"""An .htaccess for shared hosting, by CGI or mod_fcgid: it gives every URL that is not a file to one script."""

from __future__ import annotations

import re

from gateways.deploy import apache_site as site
from gateways.deploy.description import Deployment
from gateways.deploy.text import File, comment, heading, joined, script

REFUSES = {
    "server_name": "the host has decided about it; leave it out",
    "tls": "the host has decided about it; leave it out",
    "timeout": "the host has decided about it; leave it out",
    "static": "files beside it are sent without the application anyway; leave it out",
    "private": "Apache may send files for an application only where the host says so; leave it out",
    "unbuffered": "the host has decided about it; leave it out",
    "workers": "Apache starts as many as it needs; leave it out",
    "root": "it is for the directory that it lies in; leave it out",
}

#: Names of files that no visitor should get where they lie beside the application: source, settings, databases with
#: their journals, and hidden ones. A URL of the application cannot end like that, either: Apache looks at it first.
SECRET = r"^\.(?!well-known$)|\.(py[cdow]?|toml|ini|cfg|env|(sqlite3?|db)(-[a-z]+)?)$"

#: Paths that are refused where there is such a file: what lies below hidden directories such as .git (certificates are
#: got through /.well-known/), and the names that an application may well have for its own pages.
HIDDEN = r"(^|/)(\.(?!well-known(/|$))|[^/]*(~|\.(ya?ml|log|sql|key|pem|bak|orig))(/|$))"

_PYTHON = "/home/you/venv/bin/python"


def write(deployment: Deployment) -> list[File]:
    """Return the file."""
    kind = "cgi" if deployment.transport == "cgi" else "fcgid"
    return [File(f"apache/htaccess/{kind}.htaccess", joined([*comment(_heading(deployment)), "", *_lines(deployment)]))]


def _heading(deployment: Deployment) -> list[str]:
    name = _script(deployment)
    if deployment.transport == "cgi":
        title = f"Shared hosting with CGI: give every URL that is not a file to {name}."
    else:
        title = f"Shared hosting with mod_fcgid: give every URL that is not a file to {name}, whose process stays."
    where = f"the directory for {deployment.mount}" if deployment.mount else "the directory of your site"
    install = [
        f"Upload as .htaccess, beside {name} and the application, to {where}.",
        *script(deployment, name, deployment.python or _PYTHON),
        'If Apache answers 500 and its error log says "not allowed here", the host permits less: remove that line.',
    ]
    return heading(deployment, [title], install, [])


def _lines(deployment: Deployment) -> list[str]:
    name = _script(deployment)
    suffix = name.rpartition(".")[2]
    handler = "cgi-script" if deployment.transport == "cgi" else "fcgid-script"
    lines = [
        "Options +ExecCGI -MultiViews -Indexes",
        f"AddHandler {handler} .{suffix}",
        "",
        "# The Authorization header belongs to the application. Where the host forbids this line, the one with",
        "# HTTP_AUTHORIZATION below does the same.",
        "CGIPassAuth On",
        "",
        "RewriteEngine On",
    ]
    if deployment.mount:
        # For hosts where this directory is not below that of the site.
        lines.append(f"RewriteBase {site.url(deployment, f'{deployment.mount}/')}")
    return [
        *lines,
        "# RewriteRule ^ - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]",
        "",
        *_limit(deployment),
        "# Nobody should read what hidden directories have, such as .git; nor logs, keys, dumps and copies.",
        "RewriteCond %{REQUEST_FILENAME} -f",
        f'RewriteRule "{HIDDEN}" - [F]',
        "",
        "# gateways takes the path from REQUEST_URI. The common rule fails for paths with %25 or %3F:",
        f"# RewriteRule ^(.*)$ {name}/$1",
        "RewriteCond %{REQUEST_FILENAME} !-f",
        f"RewriteRule ^ {name} [L]",
        "",
        "# Nor source, settings and databases of the application. Other files beside it are sent to everybody.",
        f'<FilesMatch "{SECRET}">',
        "    Require all denied",
        "</FilesMatch>",
        *_granted(name),
    ]


def _granted(name: str) -> list[str]:
    """Return the lines for a script with the name of a source file: it answers, and is never sent."""
    if not re.search(SECRET, name):
        return []
    return [f'<Files "{name}">', "    Require all granted", "</Files>"]


def _limit(deployment: Deployment) -> list[str]:
    """Return the lines about uploads. LimitRequestBody is no good: behind mod_fcgid, the body would arrive empty."""
    lines = []
    if deployment.upload_limit:
        lines = [
            "# Larger uploads are answered 413.",
            f"RewriteCond expr \"req_novary('Content-Length') -gt {deployment.upload_limit}\"",
            "RewriteRule ^ - [R=413,L]",
        ]
    if deployment.transport != "cgi":
        lines += ["# mod_fcgid answers 500 to more than FcgidMaxRequestLen, 128 KiB unless the host says otherwise."]
    return [*lines, ""] if lines else []


def _script(deployment: Deployment) -> str:
    return deployment.script_path.rpartition("/")[2]
