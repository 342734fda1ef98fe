"""What is wrong where lighttpd hands requests on: addresses, paths, limits, buffers."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.backends import Backends
from gateways.doctor.findings import WARNING, Finding
from gateways.doctor.lighttpd.places import Place
from gateways.doctor.lighttpd.syntax import Array, Configuration

#: server.max-request-size counts these.
_KIB = 1024
_SHORT = 10

_LINES = {"fastcgi": "fastcgi.server", "scgi": "scgi.server", "ajp": "ajp13.server", "http": "proxy.server",
          "uwsgi": 'scgi.server, with scgi.protocol = "uwsgi"'}  # fmt: skip


def examine(place: Place, configuration: Configuration, backends: Backends) -> Iterator[Finding]:
    """Yield what is wrong with one place."""
    yield from _examine_backend(place, backends)
    if place.option("mode") == "authorizer":
        return  # it answers yes or no
    yield from _examine_paths(place, configuration)
    yield from _examine_bodies(place, configuration)
    for name in ("read-timeout", "write-timeout"):
        seconds = place.option(name)
        if re.fullmatch("[0-9]{1,18}", seconds) and 0 < int(seconds) < _SHORT:
            what = f"a page that takes longer than {seconds} s is answered 504 by lighttpd"
            yield faults.TIMEOUT.found(place.where_of(name), what, f'"{name}" => 300')


def examine_modules(configuration: Configuration, found: list[Place], whole: bool) -> Iterator[Finding]:
    """Yield the modules that are not loaded. A part of a configuration may leave that to another."""
    loaded = {str(item.value) for item in configuration.elements("server.modules")}
    if not loaded:
        return
    for module, where in {place.module: place.where for place in found}.items():
        if module not in loaded:
            remedy = f'server.modules += ( "{module}" )'
            yield faults.MODULE.found(where, f"{module} is not loaded", remedy, severity="" if whole else WARNING)


def examine_aliases(configuration: Configuration) -> Iterator[Finding]:
    """Yield the aliases whose slashes do not fit."""
    for setting in configuration.settings:
        if setting.name == "alias.url" and setting.asked and isinstance(setting.value, Array):
            for item in setting.value:
                key, path = item.key or "", str(item.value)
                if key.endswith("/") and not path.endswith("/"):
                    what = f"{key}style.css is looked for as {path}style.css"
                    yield faults.ALIAS.found(item.where, what, f'"{key}" => "{path}/"')


def _examine_backend(place: Place, backends: Backends) -> Iterator[Finding]:
    if place.spawned:
        try:
            program = (shlex.split(place.spawned) or [""])[0]
        except ValueError:  # a quotation mark that is not closed
            program = place.spawned.split()[0]
        if backends.options.run and not os.access(program, os.X_OK):
            there = os.path.exists(program)
            what = f"{program} is not executable" if there else f"there is no {program}"
            remedy = f"chmod 755 {program}" if there else "correct the path"
            yield faults.NO_SCRIPT.found(place.where_of("bin-path"), what, remedy)
        return
    if not place.address:
        yield faults.ADDRESS.found(place.where, "the backend has no address", '"socket" => "/run/gateways/app.sock"')
        return
    where = place.where_of("socket" if place.option("socket") else "host")
    yield from backends.check(place.protocol, place.address, where, lambda protocol: _LINES.get(protocol, ""))


def _examine_paths(place: Place, configuration: Configuration) -> Iterator[Finding]:
    extension, name = place.extension, place.setting.name
    if name != "proxy.server" and place.option("check-local") != "disable" and not extension.startswith("."):
        what = "lighttpd looks for a file of that name first, and answers 404 where there is none"
        yield faults.NO_CHECK_LOCAL.found(place.where_of("check-local"), what, '"check-local" => "disable",')
    if extension == "/" and place.protocol == "ajp":
        what = 'with "/" the application gets only the first part of the path'
        yield faults.SPLIT.found(place.where, what, 'ajp13.server = ( "" => ((')
    elif (
        extension == "/"
        and name in ("fastcgi.server", "scgi.server")
        and place.option("fix-root-scriptname") != "enable"
    ):
        what = "the first part of the path becomes SCRIPT_NAME"
        yield faults.SPLIT.found(place.where, what, '"fix-root-scriptname" => "enable",')
    by_url = any(condition.subject == "$HTTP[url]" for condition in place.conditions)
    if extension.startswith("/") and not extension.endswith("/") and not by_url:
        what = f"{extension} takes {extension}le as well"
        remedy = f'$HTTP["url"] =~ "^{extension}(/|$)" {{ {name} = ... }}'
        yield faults.WIDE.found(place.where, what, remedy)
    options = {item.key: item.value for item in configuration.elements("server.http-parseopts")}
    if options.get("url-invalid-utf8-reject") != "disable":
        line = 'server.http-parseopts += ( "url-invalid-utf8-reject" => "disable" )'
        yield faults.NOT_UTF8.found(place.where, "paths that are not UTF-8 are answered 400 by lighttpd", line)


def _examine_bodies(place: Place, configuration: Configuration) -> Iterator[Finding]:
    response = configuration.in_force("server.stream-response-body", place.conditions)
    if response is None or response.value == 0:
        what = "a streamed page is collected before it is sent"
        at = response.where if response else place.where
        yield faults.BUFFERED.found(at, what, "server.stream-response-body = 1")
    request = configuration.in_force("server.stream-request-body", place.conditions)
    if request is not None and request.value != 0:
        what = "an upload without a length (chunked) is answered 411 by lighttpd"
        yield faults.UNMEASURED.found(request.where, what, "server.stream-request-body = 0")
    limit = configuration.in_force("server.max-request-size", place.conditions)
    if limit is not None and isinstance(limit.value, int) and 0 < limit.value * _KIB < faults.USUAL_BODY:
        what = f"uploads of more than {limit.value} KiB are answered 413 by lighttpd"
        yield faults.BODY_LIMIT.found(limit.where, what, "server.max-request-size = 102400")
