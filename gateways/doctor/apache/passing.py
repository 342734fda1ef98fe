"""Where Apache hands requests on to, and what of a request arrives there: addresses, paths, Authorization, host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.apache.places import SCHEMES, Place, excluded
from gateways.doctor.apache.syntax import covers, is_for_file, merging
from gateways.doctor.backends import Backends
from gateways.doctor.directives import Directive
from gateways.doctor.findings import WARNING, Finding

#: What passes Authorization on by itself: these protocols are the client's request, and not CGI variables made of it.
_PASSES_AUTHORIZATION = ("ajp", "http", "")
#: Beside CGIPassAuth: SetEnvIf Authorization ..., RewriteRule ... [E=HTTP_AUTHORIZATION:...] and mod_fcgid's own.
_MARKS = re.compile("HTTP_AUTHORIZATION|^Authorization$", re.IGNORECASE)

#: The sections that access can be allowed in.
_ALLOWING = ("directory", "directorymatch", "files", "filesmatch", "location", "locationmatch")


def examine(place: Place, backends: Backends) -> Iterator[Finding]:
    """Yield what is wrong with the address or the path of a place, and with what arrives there."""
    if place.scripts:
        yield from _examine_script(place, backends)
    else:
        yield from _examine_address(place, backends)
    yield from _examine_slash(place)
    yield from _examine_authorization(place)
    yield from _examine_path(place)
    if place.protocol == "http":
        yield from _examine_http(place)


def examine_order(root: Directive) -> Iterator[Finding]:
    """Yield the ProxyPass lines that are never reached, since a wider one stands before them."""
    before: list[Directive] = []
    for directive in root.walk():
        if directive.name != "proxypass" or len(directive.args) < 2 or directive.value.startswith(("unix:", "http")):
            continue
        wider = next(
            (one for one in before if one.parent is directive.parent and _takes(one.value, directive.value)), None
        )
        if wider is not None and directive.asked and not excluded(wider):
            what = (
                f"ProxyPass {directive.value} is never reached: ProxyPass {wider.value} in line {wider.line} takes it"
            )
            yield faults.ORDER.found(directive.where, what, f"put it above line {wider.line}")
        before.append(directive)


def _takes(wider: str, path: str) -> bool:
    """Say whether a ProxyPass for one path takes the other: ``/app`` does not take ``/apple``."""
    return path.startswith(wider) and (wider.endswith("/") or path[len(wider) : len(wider) + 1] in ("", "/"))


def _examine_address(place: Place, backends: Backends) -> Iterator[Finding]:
    where, target = place.directive.where, place.target
    if "$" in target or "%{" in target:
        target = target.partition("$")[0] if place.directive.name in ("proxypassmatch", "rewriterule") else ""
        if not target:
            return
    if not place.address or place.protocol == "?":
        what, remedy = f"{target} is not a URL that mod_proxy knows", "write unix:/run/app.sock|fcgi://localhost/"
        if target.startswith(("unix:", "/")):
            path = target[5:] if target.startswith("unix:") else target
            what, remedy = f"{target} says no protocol", f"write unix:{path}|fcgi://localhost/"
        yield faults.ADDRESS.found(where, what, remedy)
        return
    schemes = {protocol: scheme for scheme, (protocol, _) in SCHEMES.items() if protocol}

    def line(protocol: str) -> str:
        return re.sub("[a-z]+(?=://)", schemes[protocol], target, count=1)

    yield from backends.check(place.protocol, place.address, where, line)


def _examine_script(place: Place, backends: Backends) -> Iterator[Finding]:
    script = place.target.rstrip("/")
    if backends.options.run and not os.path.exists(script):
        yield faults.NO_SCRIPT.found(place.directive.where, f"there is no {script}", "correct the path")
    if not _may_be_got(place, script):
        directory = (
            script if place.target.endswith("/") and "." not in os.path.basename(script) else os.path.dirname(script)
        )
        remedy = f"<Directory {directory}> Require all granted </Directory>"
        yield faults.DENIED.found(place.directive.where, f"nothing allows access to {directory}", remedy)


def _may_be_got(place: Place, script: str) -> bool:
    """Say whether the section that Apache merges last, of those with a word about it, lets anybody in.

    Where there is none, it counts that the directory is mentioned: a site's file is seldom all that Apache reads.
    """
    last: list[Directive] = []
    lines: list[Directive] = []
    for line in place.in_force("require", "allow", "deny", "satisfy"):
        sections = [block for block in line.up() if block.name in _ALLOWING]
        if sections == last:
            lines.append(line)
        elif [*map(merging, sections)] >= [*map(merging, last)] and all(
            _is_about(one, place, script) for one in sections
        ):
            last, lines = sections, [line]
    if lines:
        return not all(_denies(line) for line in lines)
    root = [*place.directive.up()][-1]
    return any(block.name == "directory" and covers(block, script) for block in root.walk())


def _is_about(section: Directive, place: Place, script: str) -> bool:
    if section.name.startswith("directory"):
        return covers(section, script)
    if section.name.startswith("location"):
        return place.url is None or covers(section, place.url)
    return is_for_file(section, os.path.basename(script))


def _denies(line: Directive) -> bool:
    words = [line.name, *(arg.lower() for arg in line.args)]
    return words in (["require", "all", "denied"], ["deny", "from", "all"])


def _examine_slash(place: Place) -> Iterator[Finding]:
    url, where = place.url, place.directive.where
    balanced = any(arg.startswith("balancer:") for arg in place.directive.args)
    if url is None or balanced or place.by_handler or place.directive.name == "rewriterule":
        return
    rest = place.rest
    if url.endswith("/") and not rest.endswith("/"):
        what = f"{url}page is handed to {place.target}page"
        yield faults.SLASH.found(where, what, f"{place.target}/")
    elif rest.endswith("/") and not url.endswith("/"):
        what = f"{url}/page is handed to {place.target}/page, with two slashes"
        yield faults.SLASH.found(where, what, place.target.rstrip("/"), severity=WARNING)


def _examine_authorization(place: Place) -> Iterator[Finding]:
    for header in place.in_force("requestheader"):
        if [arg.lower() for arg in header.args[:2]] == ["unset", "authorization"] and len(header.args) < 3:
            what = "the Authorization header is taken out"
            yield faults.AUTHORIZATION.found(header.where, what, "leave that line out")
            return
    if place.protocol in _PASSES_AUTHORIZATION:
        return
    settings = place.in_force(
        "cgipassauth", "fcgidpassheader", "setenvif", "setenvifnocase", "rewriterule", "setenvifexpr"
    )
    for setting in settings:
        if setting.name == "cgipassauth":
            if setting.value.lower() == "on":
                return
        elif any(_MARKS.search(arg) for arg in setting.args):
            return
    if any(one.value.lower() in ("basic", "digest") for one in place.in_force("authtype")):
        return  # it is Apache that asks for the password
    off = next((setting for setting in settings if setting.name == "cgipassauth"), None)
    what = "the Authorization header is not passed" + (" (CGIPassAuth Off)" if off else ", Apache's default")
    section = f"<Directory {os.path.dirname(place.target)}>" if place.scripts else f"<Location {place.url or '/'}>"
    remedy = f"CGIPassAuth On, in {section}"
    yield faults.AUTHORIZATION.found(off.where if off else place.directive.where, what, remedy)


def _examine_path(place: Place) -> Iterator[Finding]:
    where = place.directive.where
    if place.protocol == "fastcgi" and not place.by_handler:
        settings = place.in_force("setenvif", "setenvifnocase", "setenv", "rewriterule")
        if not any("proxy-fcgi-pathinfo" in arg for setting in settings for arg in setting.args):
            line = "SetEnvIf Request_URI . proxy-fcgi-pathinfo=unescape"
            yield faults.PATH_INFO.found(where, "SCRIPT_NAME is the whole path, and PATH_INFO is not passed", line)
    slashes = place.in_force("allowencodedslashes")
    if not slashes or slashes[-1].value.lower() == "off":
        at = slashes[-1].where if slashes else where
        value = "NoDecode" if place.protocol == "http" else "On"
        yield faults.ENCODED_SLASH.found(
            at, "paths with %2F are answered 404 by Apache", f"AllowEncodedSlashes {value}"
        )
    for path_info in place.in_force("acceptpathinfo"):
        if path_info.value.lower() == "off":
            what = "a path behind that of the script is answered 404"
            yield faults.SPLIT.found(path_info.where, what, "AcceptPathInfo On")


def _examine_http(place: Place) -> Iterator[Finding]:
    where = place.directive.where
    preserve = place.in_force("proxypreservehost")
    if not preserve or preserve[-1].value.lower() != "on":
        what = f"the application gets {place.address} as the host"
        yield faults.HOST.found(where, what, "ProxyPreserveHost On")
    if place.directive.name == "proxypass" and "nocanon" not in place.directive.args:
        what = "the URL is decoded and written anew: %2F and others arrive changed"
        yield faults.URL_CHANGED.found(where, what, f"ProxyPass {place.url or '/'} {place.target} nocanon")
    headers = [setting.args[1].lower() for setting in place.in_force("requestheader") if len(setting.args) > 1]
    vhost = next((block for block in place.directive.up() if block.name == "virtualhost"), None)
    tls = any(one.value.lower() == "on" for one in vhost.all("sslengine")) if vhost else False
    if tls and "x-forwarded-proto" not in headers:
        line = "RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}"
        yield faults.HTTPS.found(where, "X-Forwarded-Proto is not passed, and the site has TLS", line)
    if "proxy" not in headers:
        yield faults.HTTPOXY.found(where, "a Proxy: header is passed on", "RequestHeader unset Proxy early")
