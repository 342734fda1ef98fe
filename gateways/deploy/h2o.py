"""h2o: FastCGI."""

from __future__ import annotations

from gateways.deploy.description import Deployment
from gateways.deploy.text import File, comment, heading, in_order, indented, joined, where
from gateways.errors import ConfigError

#: As good as no limit: h2o has none of its own for it.
_ANY = 1 << 50


def write(deployment: Deployment) -> list[File]:
    """Return the whole configuration."""
    if deployment.tls and deployment.server_name.startswith("*."):
        raise ConfigError("--tls with h2o: it cannot send http:// on to one of many names; give one name, no *")
    lines = [
        *comment(_heading(deployment)),
        "",
        "user: debian-h2o",
        "pid-file: /run/h2o.pid",
        "access-log: /var/log/h2o/access.log",
        "error-log: /var/log/h2o/error.log",
        "",
        *_listen(deployment),
        "",
        "hosts:",
        *indented(_hosts(deployment), "  "),
        "",
        "# An upload is collected before it is passed on, and gets its length if it had none. Bytes:",
        f"limit-request-body: {deployment.upload_limit or _ANY}",
    ]
    return [File("h2o/fastcgi.conf", joined(lines))]


def _heading(deployment: Deployment) -> list[str]:
    install = ["Copy to /etc/h2o/h2o.conf, then", "  h2o -t -c /etc/h2o/h2o.conf && systemctl reload h2o"]
    title = f"h2o in front of an application by FastCGI, {where(deployment)}."
    return [*heading(deployment, [title], install), "For h2o 2.2 and newer."]


def _listen(deployment: Deployment) -> list[str]:
    lines = ["listen:", "  port: 80"]
    certificate, key = deployment.tls or ("", "")
    encrypted = [
        "listen:",
        "  port: 443",
        "  ssl:",
        f"    certificate-file: {certificate or f'/etc/ssl/{deployment.server_name}.pem'}",
        f"    key-file: {key or f'/etc/ssl/{deployment.server_name}.key'}",
    ]
    if not deployment.tls:
        return [*lines, *comment(encrypted)]
    return [*lines, *encrypted]


def _hosts(deployment: Deployment) -> list[str]:
    name = deployment.server_name
    if not deployment.tls:
        return [f'"{name}":', *indented(_paths(deployment), "  ")]
    return [
        f'"{name}:80":',
        "  paths:",
        '    "/":',
        "      redirect:",
        "        status: 301",
        f'        url: "https://{name}/"',
        f'"{name}:443":',
        *indented(_paths(deployment), "  "),
    ]


def _paths(deployment: Deployment) -> list[str]:
    lines = ["paths:"]
    for url, directory in in_order(deployment):
        lines += _files(url, directory) if directory else _application(deployment)
    if deployment.mount:
        lines += ["  # Other content.", '  "/":', f'    file.dir: "{deployment.public}"', ""]
    return lines[:-1]


def _files(url: str, directory: str) -> list[str]:
    return ["  # Files that need no application.", f'  "{url}/":', f'    file.dir: "{directory}"', ""]


def _application(deployment: Deployment) -> list[str]:
    address = deployment.address
    lines = [f'  "{deployment.mount or "/"}":', "    fastcgi.connect:"]
    if address.kind == "unix":
        lines += [f"      port: {address.path}", "      type: unix"]
    else:
        lines += [f'      host: "{address.host}"', f"      port: {address.port}", "      type: tcp"]
    lines += [
        "    # A connection for each request. With kept ones (fastcgi.timeout.keepalive) h2o 2.2 as a whole dies when",
        "    # an application answers before it has read an upload.",
        "    # Milliseconds without a byte from the application.",
        f"    fastcgi.timeout.io: {round(deployment.timeout * 1000)}",
    ]
    return [*lines, ""]
