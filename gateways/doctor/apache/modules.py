"""Which modules of Apache a file needs, where the whole configuration is known: which of them are not loaded?"""

from __future__ import annotations

from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.apache.places import places
from gateways.doctor.directives import Directive
from gateways.doctor.findings import Finding

#: By the directive, what has to be loaded.
_NEEDED = {
    "proxypass": "proxy", "proxypassmatch": "proxy", "balancermember": "proxy_balancer", "rewriterule": "rewrite",
    "rewriteengine": "rewrite", "scriptalias": "alias", "alias": "alias", "setenv": "env", "setenvif": "setenvif",
    "requestheader": "headers", "header": "headers", "sslengine": "ssl", "authtype": "authn_core",
    "fcgidmaxrequestlen": "fcgid", "fcgidinitialenv": "fcgid", "fcgidwrapper": "fcgid", "fcgidmaxprocesses": "fcgid",
}  # fmt: skip
_PROXIES = {
    "fastcgi": "proxy_fcgi",
    "scgi": "proxy_scgi",
    "uwsgi": "proxy_uwsgi",
    "ajp": "proxy_ajp",
    "http": "proxy_http",
}
_PACKAGES = {"fcgid": "libapache2-mod-fcgid", "proxy_uwsgi": "apache2"}


def examine(root: Directive) -> Iterator[Finding]:
    """Yield the modules that are needed and not loaded. Nothing is known where nothing loads a module."""
    loaded = {directive.value for directive in root.walk() if directive.name == "loadmodule"}
    if not loaded:
        return
    needed: dict[str, str] = {}
    for directive in root.walk():
        if directive.asked and directive.name in _NEEDED:
            needed.setdefault(_NEEDED[directive.name], directive.where)
    for place in places(root):
        if place.protocol in _PROXIES:
            needed.setdefault("proxy", place.directive.where)
            needed.setdefault(_PROXIES[place.protocol], place.directive.where)
        elif place.protocol == "fcgid":
            needed.setdefault("fcgid", place.directive.where)
        elif place.protocol == "cgi" and not loaded & {"cgi_module", "cgid_module"}:
            needed.setdefault("cgid", place.directive.where)
    for name, where in needed.items():
        if f"{name}_module" not in loaded:
            package = f"apt install {_PACKAGES[name]} && " if name in _PACKAGES else ""
            remedy = f"{package}a2enmod {name} && systemctl restart apache2"
            yield faults.MODULE.found(where, f"mod_{name} is not loaded", remedy)
