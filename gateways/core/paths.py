"""SCRIPT_NAME and PATH_INFO as PEP 3333 wants them, made from what web servers really send.

The stock configurations of most servers are wrong by PEP 3333: the whole path in SCRIPT_NAME, no PATH_INFO, a lost
slash, percent-encoding left in. ``docs/explain/paths.md`` shows what each one sends and what comes out here.

The rules keep to two principles. The path a server has decoded and normalised goes before REQUEST_URI wherever both
tell the same path, so that ``/static/../admin`` cannot mean one thing to the server's access rules and another to the
application. And what a server says of an error document or a subrequest, whose REQUEST_URI is another path, stands.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_HEX = "0123456789ABCDEFabcdef"


def repair(environ: Mapping[str, Any], mount: str | None = None, real_script: bool = False) -> tuple[str, str]:
    """Return ``(SCRIPT_NAME, PATH_INFO)`` for one request; both latin-1 text, never raises.

    ``environ``      the CGI variables: SCRIPT_NAME, PATH_INFO, REQUEST_URI, DOCUMENT_URI, SCRIPT_FILENAME,
                     DOCUMENT_ROOT, SERVER_SOFTWARE, REDIRECT_STATUS and SCGI are looked at, each may be missing
    ``mount``        the setting ``script_name``, without a slash at its end: SCRIPT_NAME is then always this, and a
                     path that is not below it counts as one the front has taken it off already
    ``real_script``  SCRIPT_NAME is known to be a script's own path (CGI)

    Each result is empty or begins with a slash; they are not both empty, and SCRIPT_NAME does not end with a slash.
    """
    script, path = _split(environ, real_script)
    script = script.rstrip("/")
    if script and script[0] != "/":
        script = "/" + script
    if path and path[0] != "/":
        path = "/" + path
    if mount is not None:
        script, path = _rebase(environ, mount, script, path)
    return script, path if path or script else "/"


def unquote(text: str) -> str:
    """Decode percent-encoding once, to latin-1 text. What is not ``%`` and two hexadecimal digits stays."""
    if "%" not in text:
        return text
    first, *rest = text.split("%")
    parts = [first]
    for item in rest:
        if len(item) > 1 and item[0] in _HEX and item[1] in _HEX:
            parts.append(chr(int(item[:2], 16)) + item[2:])
        else:
            parts.append("%" + item)
    return "".join(parts)


def resolve(path: str) -> str:
    """Merge slashes and take out dot segments (RFC 3986, section 5.2.4): what servers do before they compare paths."""
    if "//" not in path and "/." not in path:
        return path
    *segments, last = path.split("/")
    kept: list[str] = []
    for segment in (*segments, last) if last in {".", ".."} else segments:
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join([*kept, "" if last in {".", ".."} else last])


def _split(environ: Mapping[str, Any], real_script: bool) -> tuple[str, str]:
    """Find the split without a setting."""
    script: str = environ.get("SCRIPT_NAME", "")
    path: str = environ.get("PATH_INFO", "")
    if not path:
        return _without_path_info(environ, script, real_script)
    asked = _asked(environ)
    if path[0] != "/":
        # "fastcgi_split_path_info ^(/app)(.*)$" makes /app and "x" of /appx, which is not below /app.
        if script[-1:] != "/" and resolve(script + path) in asked:
            return "", script + path
        path = "/" + path
    if path != script:
        script = script.rstrip("/")
    whole = resolve(script + path)
    if not asked or whole in asked or _is_error(environ):
        return script, path
    if path == "/" and resolve(script) in asked:  # nginx "location = /app { rewrite ^ /app/; }"
        return script, path
    return _disagreeing(environ, script, path, asked)


def _disagreeing(environ: Mapping[str, Any], script: str, path: str, asked: tuple[str, ...]) -> tuple[str, str]:
    """SCRIPT_NAME and PATH_INFO are not what REQUEST_URI says: a rewrite rule, or a configuration that cuts badly."""
    backend = _backend_path(environ, script)
    if path == backend:  # proxy-fcgi-pathinfo=1: the backend's path as it is, still encoded; SCRIPT_NAME is cut by luck
        return _behind_proxy(asked[0], backend)
    if resolve(script + path) == _raw_path(environ):  # REQUEST_URI is decoded already: CGIVar REQUEST_URI current-uri
        return script, path
    for text in (path, unquote(path)):
        if resolve(text) in asked:
            return _path_info_alone(environ, script, text)
        for whole in asked:
            if whole.endswith(resolve(text)):  # the front has taken the mount off: Caddy handle_path, rewrite rules
                return whole[: -len(resolve(text))], text
    if path[1:] == unquote(environ["REQUEST_URI"].partition("?")[0]):  # h2o puts a slash before "http://host/path"
        return "", asked[0]
    return script, path


def _path_info_alone(environ: Mapping[str, Any], script: str, path: str) -> tuple[str, str]:
    """PATH_INFO is all of the path that was asked for, and SCRIPT_NAME is not empty."""
    if path == script:
        # nginx scgi_params have no SCRIPT_NAME, so this one was set on purpose; fastcgi_params have the whole path.
        return (script, "") if "SCGI" in environ else ("", path)
    if path.startswith(script + "/"):  # SCRIPT_NAME set, and PATH_INFO $document_uri
        return script, path[len(script) :]
    if _software(environ, "lighttpd") and not _is_file(script):  # strip-request-uri has cut REQUEST_URI
        return script, path
    return "", path  # a rewrite rule has put a script before it


def _without_path_info(environ: Mapping[str, Any], script: str, real_script: bool) -> tuple[str, str]:
    """PATH_INFO is empty or was not sent: SCRIPT_NAME is a script, or the whole path."""
    here: str = environ.get("DOCUMENT_URI", "")  # nginx: the path it serves, decoded and normalised
    if here and here == script and not real_script and "PATH_INFO" not in environ and _software(environ, "nginx"):
        return "", here  # the shipped fastcgi_params, in which it is the whole path
    if script in {"", "/"}:
        return "", script or here or _usual(_asked(environ)) or "/"
    backend = _backend_path(environ, script)
    if backend and resolve(unquote(backend)) != resolve(environ.get("DOCUMENT_ROOT", "") + script):
        return _behind_proxy(script, backend)
    if real_script or _is_script(environ, script):
        return _script_alone(environ, script, _asked(environ))
    whole = here or _usual(_asked(environ))
    if whole.startswith(script + "/"):  # SCRIPT_NAME was set, PATH_INFO was not
        return script, whole[len(script) :]
    if here:  # the two differ where SCRIPT_NAME was set, or has a fastcgi_index at its end
        return "", here
    if whole[-1:] == "/" and script.startswith(whole) and _is_file(script) and "/" not in script[len(whole) :]:
        return "", whole  # HAProxy's index
    return "", script


def _is_script(environ: Mapping[str, Any], script: str) -> bool:
    """Whether SCRIPT_NAME, sent with no PATH_INFO or an empty one, is a mount or a script, not the whole path."""
    if "PATH_INFO" in environ:  # a configuration that splits
        if _software(environ, "Caddy"):  # sends "" as well where nothing was split
            return script not in _asked(environ) and _is_file(script)
        return "\n" not in script and "\r" not in script  # a regular expression's dot stops there (CVE-2019-11043)
    if _software(environ, "Apache"):
        return bool(environ.get("SCRIPT_FILENAME"))
    return _software(environ, "lighttpd") or _software(environ, "h2o")


def _script_alone(environ: Mapping[str, Any], script: str, asked: tuple[str, ...]) -> tuple[str, str]:
    """SCRIPT_NAME is a script or a mount, and there is no PATH_INFO."""
    split = "PATH_INFO" in environ and not _software(environ, "Caddy")
    if split or not asked or resolve(script) in asked or _is_error(environ):
        return script, "/" if script[-1] == "/" else ""
    whole = asked[0]
    folder = script[: script.rfind("/")]
    if _is_file(script) and whole.startswith(folder + "/"):  # a front controller: "RewriteRule ^ app.cgi"
        return folder, whole[len(folder) :]
    return whole, "/" if whole[-1] == "/" else ""  # "RewriteRule ^/app(.*) /cgi-bin/app.cgi$1 [PT]", and /app


def _backend_path(environ: Mapping[str, Any], script: str) -> str:
    """Return the path mod_proxy asks of the backend, percent-encoded, or "" where SCRIPT_FILENAME does not tell it.

    ``proxy:fcgi://127.0.0.1:9000/path``, or the path alone with ``ProxyFCGIBackendType GENERIC``.
    """
    filename: str = environ.get("SCRIPT_FILENAME", "")
    if filename.startswith("proxy:"):
        slash = filename.find("/", filename.find("://") + 3)
        return filename[slash:] if slash > 0 else "/"
    if filename and _software(environ, "Apache") and script.endswith(unquote(filename)):
        return filename
    return ""


def _behind_proxy(whole: str, backend: str) -> tuple[str, str]:
    """Split ``whole`` where ProxyPass did: what it has in front of the backend's path is the mount."""
    segments = whole.split("/")[1:]
    most = 0
    for target in {unquote(backend), resolve(unquote(backend)), unquote(_keep_slashes(backend))}:
        same = 0
        for ours, theirs in zip(reversed(segments), reversed(target.split("/")[1:])):
            if ours != theirs:
                break
            same += 1
        most = max(most, same)
    if not most:
        return whole, ""
    return "/".join(["", *segments[:-most]]), "/".join(["", *segments[-most:]])


def _rebase(environ: Mapping[str, Any], mount: str, script: str, path: str) -> tuple[str, str]:
    """Move the split to the mount that was set."""
    whole = script + path
    if _is_file(script) and not (mount and _below(whole, mount)) and resolve(whole) not in _asked(environ):
        whole = path  # an error document: the script is no part of a path anybody asked for
    for text in (whole, resolve(whole)):
        if _below(text, mount):
            return mount, text[len(mount) :]
    return mount, whole


def _below(path: str, mount: str) -> bool:
    return path == mount or path.startswith(mount + "/")


def _asked(environ: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the path of REQUEST_URI as servers may have decoded it, the usual way first; () when it tells none."""
    raw = _raw_path(environ)
    if "%" not in raw:
        return (resolve(raw),) if raw else ()
    # "AllowEncodedSlashes NoDecode" leaves %2F as it is.
    return resolve(unquote(raw)), resolve(unquote(_keep_slashes(raw)))


def _usual(asked: tuple[str, ...]) -> str:
    return asked[0] if asked else ""


def _raw_path(environ: Mapping[str, Any]) -> str:
    """Return the path of REQUEST_URI as it is, or "" ("*", "host:port", not sent)."""
    uri: str = environ.get("REQUEST_URI", "").partition("?")[0]
    if uri[:1] != "/":
        scheme, found, rest = uri.partition("://")
        if not found or not scheme.isalpha():
            return ""
        uri = "/" + rest.partition("/")[2]
    return uri


def _keep_slashes(text: str) -> str:
    return text.replace("%2F", "%252F").replace("%2f", "%252f")


def _is_error(environ: Mapping[str, Any]) -> bool:
    """Whether this is an error document (Apache, lighttpd): REQUEST_URI is the path that was refused."""
    return environ.get("REDIRECT_STATUS", "200") not in {"200", ""}


def _is_file(script: str) -> bool:
    """Whether a path looks like a script file (``/app.cgi``), not like a mount (``/app``)."""
    return "." in script[script.rfind("/") :]


def _software(environ: Mapping[str, Any], name: str) -> bool:
    software: str = environ.get("SERVER_SOFTWARE", "")
    return software.startswith(name)
