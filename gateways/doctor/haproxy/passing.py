"""What HAProxy tells an application: by FastCGI the path in two parts and the variables, by HTTP the headers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.findings import ERROR, WARNING, Finding
from gateways.doctor.haproxy.places import Place
from gateways.doctor.haproxy.syntax import Configuration, Line, Section
from gateways.doctor.live.roundtrips import REMOTE

#: An application that is a whole site.
_ROOT = "path-info ^()(/.*)$"
_PAGE = "/page"
#: Headers that tell that the client came by https.
_SCHEME = re.compile(
    r"x-forwarded-(proto|protocol|scheme|ssl)|x-(url-)?scheme|front-end-https|forwarded", re.IGNORECASE
)
#: Headers that hold the address of the client.
_ADDRESS = re.compile(r"x-forwarded-for|x-real-ip|x-client-ip|forwarded", re.IGNORECASE)
_CHANGES = ("set-header", "add-header", "replace-header", "replace-value")


def examine(place: Place) -> Iterator[Finding]:
    """Yield what an application behind this backend is not told, or told wrongly."""
    if not place.section.head.asked:
        return
    protocols = {server.protocol for server in place.servers}
    yield from _examine_start(place, protocols)
    if place.mode != "http":
        return
    yield from _examine_headers(place)
    if place.section.setting("use-fcgi-app") is not None or protocols != {"http"} or not place.leads:
        return
    where = place.section.head.where
    if place.by_tls and not _tells(place, _SCHEME, "forwarded"):
        what = "X-Forwarded-Proto is not passed, and clients come by https"
        remedy = "http-request set-header X-Forwarded-Proto https if { ssl_fc }"
        yield faults.HTTPS.found(where, what, remedy)
    if not _is_transparent(place) and not _tells(place, _ADDRESS, "forwarded", "forwardfor"):
        what = "the application takes HAProxy for the client: no header has the client's address"
        remedy = "http-request set-header X-Forwarded-For %[src]"
        yield REMOTE.found(where, what, remedy, severity=WARNING)


def examine_applications(configuration: Configuration, found: list[Place]) -> Iterator[Finding]:
    """Yield what is wrong with the sections that say how FastCGI is spoken."""
    for application in configuration.all("fcgi-app"):
        where = application.head.where
        if not application.head.asked:
            continue
        if application.setting("docroot") is None:
            what = f"fcgi-app {application.name} has no docroot, without which HAProxy does not start"
            yield faults.SYNTAX.found(where, what, "docroot /srv/example/public")
        users = [place for place in found if place.application is application]
        if _is_php(application, users):
            continue
        mounts = set().union(*(place.mounts for place in users)) or {""}
        yield from _examine_path(application, sorted(mounts))
        if not any(line.word(1).lower() == "authorization" for line in application.all("pass-header")):
            what = "the Authorization header is not passed"
            yield faults.AUTHORIZATION.found(where, what, "pass-header Authorization")
        for line in application.all("pass-header"):
            if line.word(1).lower() == "proxy":
                yield faults.HTTPOXY.found(line.where, "a Proxy: header becomes HTTP_PROXY", "leave that line out")


def _is_php(application: Section, users: list[Place]) -> bool:
    """Say whether it is no application of Python's. An ``index.php`` says nothing: the manual's example has it."""
    words = [application.name, *(server.address for place in users for server in place.servers)]
    return any("php" in word.lower() for word in words)


def _examine_start(place: Place, protocols: set[str]) -> Iterator[Finding]:
    """What of FastCGI does not go together, so that HAProxy does not start."""
    section = place.section
    used = section.setting("use-fcgi-app") or section.setting("filter", "fcgi-app")
    if used is not None and place.mode == "tcp":
        line = section.setting("mode")
        why = "there is mode tcp" if line is not None else "without a mode it is tcp"
        what = f"FastCGI is in mode http only, and {why}: HAProxy does not start"
        yield faults.SYNTAX.found((line or used).where, what, "mode http")
    elif used is not None and place.servers and "fastcgi" not in protocols:
        server = place.servers[0]
        what = "there is use-fcgi-app, and no server with proto fcgi: HAProxy does not start"
        yield faults.SYNTAX.found(server.line.where, what, f"{server.line.text} proto fcgi")
    elif used is None and "fastcgi" in protocols:
        server = next(server for server in place.servers if server.protocol == "fastcgi")
        what = "there is proto fcgi, and no use-fcgi-app: HAProxy does not start"
        remedy = "use-fcgi-app NAME, and a section fcgi-app NAME (gateways conf haproxy shows all of it)"
        yield faults.SYNTAX.found(server.line.where, what, remedy)


def _examine_path(application: Section, mounts: list[str]) -> Iterator[Finding]:
    """What becomes of a path below each of the mount points."""
    path_info = application.setting("path-info")
    params = {line.word(1).upper(): line for line in application.all("set-param")}
    script, path = params.get("SCRIPT_NAME"), params.get("PATH_INFO")
    if path is not None:
        if script is None and path_info is None and path.word(2).startswith("%[path"):
            what = "PATH_INFO is the whole path, and so is SCRIPT_NAME"
            yield faults.MOUNT_TWICE.found(path.where, what, f"instead of that line: {_ROOT}")
        return
    if path_info is None:
        index = application.setting("index")
        more = f", with {index.word(1)} behind a slash" if index is not None else ""
        what = f"PATH_INFO is not passed, and SCRIPT_NAME is the whole path{more}"
        yield faults.PATH_INFO.found((index or application.head).where, what, _remedy(mounts[0]))
        return
    try:
        expression = re.compile(path_info.word(1))
    except re.error:
        return  # Perl's expressions, which HAProxy knows, have more
    yield from _examine_split(path_info, script, expression, mounts)


def _examine_split(
    line: Line, script: Line | None, expression: re.Pattern[str], mounts: list[str]
) -> Iterator[Finding]:
    written = line.word(1)
    if not expression.groups:
        what = f"{written} has no group: HAProxy takes nothing of the path for SCRIPT_NAME"
        yield faults.SPLIT.found(line.where, what, _remedy(mounts[0]))
        return
    for mount in mounts:
        asked = mount + _PAGE
        match = expression.search(asked)
        name = (match[1] or "") if match else asked
        info = match[2] if match and expression.groups > 1 else None
        if name + (info or "") == asked and (info is not None and info.startswith("/")) and name in ("", mount):
            value = script.word(2) if script is not None else ""
            if value and "%[" not in value and not name and value != "/" and mount.startswith(value):
                what = f"SCRIPT_NAME is {value}, and PATH_INFO begins with it once more"
                yield faults.MOUNT_TWICE.found(line.where, what, _remedy(value))
            continue
        why = "looks for a PHP file in the path" if ".php" in written else f"divides {asked} wrongly"
        told = f"SCRIPT_NAME is {name or chr(34) * 2}, PATH_INFO {info or chr(34) * 2}"
        severity = ERROR if match and name + (info or "") != asked else ""
        yield faults.SPLIT.found(line.where, f"{written} {why}: {told}", _remedy(mount), severity=severity)
        return


def _remedy(mount: str) -> str:
    return f"path-info ^({re.escape(mount)})(/.*)?$" if mount else _ROOT


def _examine_headers(place: Place) -> Iterator[Finding]:
    sections = dict.fromkeys([*place.frontends, place.section])
    for line in (line for section in sections for line in section.inherited("http-request")):
        action, header, value = line.word(1), line.word(2).lower(), line.word(3)
        if not line.asked:
            continue
        if action in _CHANGES and header == "host" and "%[" not in value and not line.condition:
            what = f"the application gets {value} as the host, and not that which the client asked for"
            yield faults.HOST.found(line.where, what, "leave that line out: the host is passed as it came")
        if action == "del-header" and header == "authorization" and not line.condition:
            yield faults.AUTHORIZATION.found(line.where, "the Authorization header is taken out", "leave that line out")


def _is_transparent(place: Place) -> bool:
    """Say whether HAProxy connects from the address of the client, or tells it by the PROXY protocol."""
    source = place.section.setting("source")
    if source is not None and "usesrc" in source.words:
        return True
    return all(any(word.startswith(("usesrc", "send-proxy")) for word in one.options) for one in place.servers)


def _tells(place: Place, header: re.Pattern[str], *options: str) -> bool:
    """Say whether a header is written, by a rule, a line of older versions or an option."""
    sections = list(dict.fromkeys([*place.frontends, place.section]))
    if any(section.setting("option", option) is not None for section in sections for option in options):
        return True
    rules = [line for section in sections for line in section.inherited("http-request", "reqadd", "reqset")]
    return any(
        header.fullmatch(line.word(2)) if line.word(1) in _CHANGES else header.match(line.word(1)) for line in rules
    )
