"""What nginx tells an application: the CGI variables of fastcgi_param and its like, the headers of proxy_set_header."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateways.doctor import faults
from gateways.doctor.findings import ERROR, Finding
from gateways.doctor.nginx.places import Place

#: What an application needs, the value to write, and whether nothing works without it.
_NEEDED = (
    ("REQUEST_METHOD", "$request_method", True),
    ("QUERY_STRING", "$query_string", False),
    ("CONTENT_TYPE", "$content_type", False),
    ("CONTENT_LENGTH", "$content_length", False),
    ("SERVER_NAME", "$server_name", False),
    ("SERVER_PORT", "$server_port", False),
    ("SERVER_PROTOCOL", "$server_protocol", False),
    ("REMOTE_ADDR", "$remote_addr", False),
    ("REQUEST_URI", "$request_uri", False),
)
#: What is passed without being asked for: the first header of SCGI is the length.
_ALREADY = {"scgi": {"CONTENT_LENGTH"}}

_WHOLE_PATH = ("$document_uri", "$uri", "$fastcgi_script_name", "$request_uri")
#: A group that takes the first part and leaves all the rest to the second: also /apple, for /app.
_LOOSE_SPLIT = re.compile(r"\^\(/[\w/.-]*[\w]\)\(\.[*+]\)\$?")
_PHP_SPLIT = re.compile(r"\\\.php")


def examine(place: Place) -> Iterator[Finding]:
    """Yield what an application behind this place is not told, or told wrongly."""
    if place.protocol == "http":
        yield from _examine_headers(place)
        return
    if place.for_php:
        return
    yield from _examine_missing(place)
    yield from _examine_twice(place)
    yield from _examine_path(place)
    yield from _examine_split(place)
    yield from _examine_request(place)


def _line(place: Place, name: str, value: str) -> str:
    return f"{place.prefix}_param {name} {value};"


def _examine_missing(place: Place) -> Iterator[Finding]:
    where = place.directive.where
    if not place.params:
        what = f"no variable is passed: there is no {place.prefix}_param here, or a block inside has its own"
        yield faults.VARIABLE.found(where, what, f"include {place.prefix}_params;", severity=ERROR)
        return
    names = {param.value for param in place.params} | _ALREADY.get(place.protocol, set())
    for name, value, fatal in _NEEDED:
        if name not in names and not (place.internal and name.startswith("CONTENT_")):
            line = _line(place, name, value)
            yield faults.VARIABLE.found(where, f"{name} is not passed", line, severity=ERROR if fatal else "")
    server = place.server
    tls = server is not None and any("ssl" in listen.args for listen in server.all("listen"))
    if tls and not names & {"HTTPS", "REQUEST_SCHEME"}:
        line = _line(place, "HTTPS", "$https if_not_empty")
        yield faults.HTTPS.found(where, "neither HTTPS nor REQUEST_SCHEME is passed, and the server has TLS", line)


def _examine_twice(place: Place) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for param in place.params:
        value = " ".join(param.args[1:])
        if param.value not in first:
            first[param.value] = value
        elif first[param.value] != value and not param.value.startswith("HTTP_"):
            what = (
                f"{param.value} is passed twice: as {first[param.value] or chr(34) * 2} and as {value or chr(34) * 2}"
            )
            remedy = f"leave one of them out, or the include of {place.prefix}_params"
            yield faults.TWICE.found(param.where if param.asked else place.directive.where, what, remedy)


def _examine_path(place: Place) -> Iterator[Finding]:
    where = place.directive.where
    script, path = place.param("SCRIPT_NAME"), place.param("PATH_INFO")
    if path is None and place.param("REQUEST_URI") is None:
        if place.params:
            yield faults.NO_PATH.found(
                where, "neither PATH_INFO nor REQUEST_URI is passed", _line(place, "PATH_INFO", "$document_uri")
            )
        return
    if path is None:
        lines = f"{_line(place, 'SCRIPT_NAME', chr(34) * 2)} {_line(place, 'PATH_INFO', '$document_uri')}"
        remedy = f"{lines} (below a mount point: see gateways conf nginx --mount)"
        what = "PATH_INFO is not passed" + (
            f", and SCRIPT_NAME is the whole path ({script})" if script in _WHOLE_PATH else ""
        )
        yield faults.PATH_INFO.found(where, what, remedy)
    elif script and not script.startswith("$") and path in _WHOLE_PATH:
        what = f"SCRIPT_NAME is {script}, and PATH_INFO ({path}) begins with it once more"
        yield faults.MOUNT_TWICE.found(where, what, f"take it off, by {_mounted(script)}")
    if path == "$request_uri":
        what = "PATH_INFO is $request_uri, which is not decoded and has the query behind it"
        yield faults.SPLIT.found(where, what, _line(place, "PATH_INFO", "$document_uri"))


def _mounted(mount: str) -> str:
    return f"location ~ (?s)^(?<mount>{mount})(?<path>/.*)?$ with SCRIPT_NAME $mount and PATH_INFO $path"


def _examine_split(place: Place) -> Iterator[Finding]:
    split = place.setting("fastcgi_split_path_info")
    used = [param for param in place.params if "$fastcgi_path_info" in param.args]
    if split is None:
        if used and place.protocol == "fastcgi":
            what = "$fastcgi_path_info is empty: there is no fastcgi_split_path_info"
            yield faults.SPLIT.found(used[-1].where, what, _line(place, "PATH_INFO", "$document_uri"))
    elif not used:
        if place.protocol == "fastcgi":
            remedy = _line(place, "PATH_INFO", "$fastcgi_path_info")
            yield faults.SPLIT.found(split.where, "what fastcgi_split_path_info finds is not passed", remedy)
    elif _PHP_SPLIT.search(split.value):
        what = f"{split.value} looks for a PHP file in the path; without one PATH_INFO is empty"
        yield faults.SPLIT.found(split.where, what, "fastcgi_split_path_info ^()(/.*)$;")
    elif _LOOSE_SPLIT.fullmatch(split.value):
        mount = split.value[2 : split.value.index(")")]
        what = f"{split.value} takes {mount}le for {mount} with PATH_INFO le"
        yield faults.SPLIT.found(split.where, what, f"use {_mounted(mount)}")
    elif place.setting("try_files") and place.location and any(place.location.all("try_files")):
        [*_, try_files] = place.location.all("try_files")
        what = "try_files changes the path, and $fastcgi_path_info is empty behind it"
        yield faults.SPLIT.found(try_files.where, what, "put try_files into a location of its own")


def _examine_request(place: Place) -> Iterator[Finding]:
    where, prefix = place.directive.where, place.prefix
    if place.params and place.param("HTTP_PROXY") is None:
        yield faults.HTTPOXY.found(where, "a Proxy: header becomes HTTP_PROXY", _line(place, "HTTP_PROXY", '""'))
    headers = place.own("pass_request_headers")
    if (headers and headers.value == "off") or place.param("HTTP_AUTHORIZATION") == "":
        at = headers.where if headers and headers.value == "off" else where
        what = "the Authorization header is not passed" + (", nor is any other" if at != where else "")
        yield faults.AUTHORIZATION.found(at, what, f"{prefix}_pass_request_headers on;")
    body, length = place.own("pass_request_body"), place.param("CONTENT_LENGTH")
    if body and body.value == "off" and length != "" and (length is not None or place.protocol == "fastcgi"):
        yield faults.BODY_DROPPED.found(
            body.where, "the body is not passed, and its length is", _line(place, "CONTENT_LENGTH", '""')
        )


def _examine_headers(place: Place) -> Iterator[Finding]:
    where = place.directive.where
    host = place.header("Host")
    if host is None or host == "$proxy_host":
        line = "proxy_set_header Host $host;"
        yield faults.HOST.found(where, f"the application gets {place.target} as the host", line)
    server = place.server
    tls = server is not None and any("ssl" in listen.args for listen in server.all("listen"))
    if tls and not any(
        place.header(name) for name in ("X-Forwarded-Proto", "Forwarded", "X-Forwarded-Ssl", "X-Scheme")
    ):
        line = "proxy_set_header X-Forwarded-Proto $scheme;"
        yield faults.HTTPS.found(where, "X-Forwarded-Proto is not passed, and the server has TLS", line)
    if place.header("Authorization") == "":
        yield faults.AUTHORIZATION.found(where, "the Authorization header is taken out", "leave that line out")
    if place.target_path:
        what = f"with the path {place.target_path} the URL is decoded and written anew: %2F and others arrive changed"
        own = place.path == "/" and place.target_path == "/"
        remedy = (
            f"proxy_pass http://{place.target};" if own else "pass it without a path, and mount the application there"
        )
        yield faults.URL_CHANGED.found(where, what, remedy)
