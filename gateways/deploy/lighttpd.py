"""lighttpd: mod_fastcgi, mod_scgi (which speaks uwsgi, too), mod_ajp13, mod_proxy and mod_cgi."""

from __future__ import annotations

from collections.abc import Sequence

from gateways.addresses import parse_address
from gateways.deploy.description import SIMPLE, Deployment
from gateways.deploy.firstlines import first_lines
from gateways.deploy.text import (
    SPEECH,
    File,
    about_files,
    comment,
    files_inside,
    heading,
    indented,
    joined,
    literal,
    longest_first,
    script,
    seconds,
    where,
)
from gateways.errors import ConfigError

_MODULES = {
    "cgi": "mod_cgi",
    "fastcgi": "mod_fastcgi",
    "scgi": "mod_scgi",
    "uwsgi": "mod_scgi",
    "ajp": "mod_ajp13",
    "http": "mod_proxy",
}
_SETTINGS = {"fastcgi": "fastcgi", "scgi": "scgi", "uwsgi": "scgi", "ajp": "ajp13", "http": "proxy"}
_STREAM = "server.stream-response-body = 1  # send a streamed page when it comes"


def write(deployment: Deployment) -> list[File]:
    """Return the file for conf-available."""
    if deployment.authorizer and (deployment.transport != "fastcgi" or deployment.spawned):
        raise ConfigError(
            "--authorizer with lighttpd: the application has to be served by FastCGI as well; give --fastcgi"
        )
    if deployment.variant and deployment.transport != "cgi":
        raise ConfigError("--variant directory with lighttpd: it is about scripts; give --cgi")
    for name in ("mount", "script", "app"):
        if deployment.variant and deployment.has(name):
            raise ConfigError(f"--variant directory: each script has its own URL below /cgi-bin/; leave out --{name}")
    modules = ['"mod_alias"'] if _aliases(deployment) else []
    modules += ['"mod_openssl"', '"mod_redirect"'] if deployment.tls else []
    lines = [
        *comment(_heading(deployment)),
        "",
        f"server.modules += ( {', '.join([*modules, chr(34) + _MODULES[deployment.transport] + chr(34)])} )",
        "",
        *_tls(deployment),
        f"{_condition(deployment)} {{",
        *indented(_host(deployment)),
        "}",
        "",
    ]
    if deployment.spawned and deployment.transport == "fastcgi":
        lines += [
            "# What the application writes to standard error before it answers, such as an import error.",
            f'server.breakagelog = "/var/log/lighttpd/{deployment.name}.log"',
            "",
        ]
    lines += [
        "# The application decides about paths that are not UTF-8; lighttpd answers them 400 otherwise.",
        'server.http-parseopts += ( "url-invalid-utf8-reject" => "disable" )',
    ]
    return [File(f"lighttpd/{_file_name(deployment)}.conf", joined(lines))]


def _file_name(deployment: Deployment) -> str:
    if deployment.authorizer:
        return "authorizer"
    if deployment.transport == "fastcgi" and deployment.spawned:
        return "fastcgi-spawned"
    return "ajp13" if deployment.transport == "ajp" else deployment.transport


def _heading(deployment: Deployment) -> list[str]:
    by = SPEECH[deployment.transport]
    title = f"lighttpd in front of an application by {by}, {where(deployment)}."
    if deployment.authorizer:
        title = "lighttpd asks an authorizer by FastCGI before it answers: see docs/howto/authorizer.md."
    elif deployment.transport == "cgi":
        title = (
            f"lighttpd runs {'scripts' if deployment.variant else 'a script'} by CGI: a new process for each request."
        )
    elif deployment.spawned:
        title = "lighttpd starts the application's processes by itself, and stops them: nothing else has to run."
    install = [
        f"Copy to /etc/lighttpd/conf-available/50-{deployment.name}.conf, then",
        *(["  apt install lighttpd-mod-openssl"] if deployment.tls else []),
        f"  lighty-enable-mod {deployment.name} && systemctl reload lighttpd",
    ]
    lines = heading(deployment, [title], install)
    if deployment.variant:
        lines += [
            "Each script must be executable, and its first line must name a Python that has gateways:",
            *first_lines(deployment.python_path).splitlines(),
        ]
    elif deployment.spawned:
        lines += script(deployment, deployment.script_path, deployment.python_path)
    if deployment.transport == "ajp":
        lines.append(
            "For lighttpd 1.4.68 and newer. FastCGI is the better choice: AJP13 is told less of a request here."
        )
    if deployment.transport == "http":
        lines.append("FastCGI tells the application more: fastcgi.conf.")
    return lines


def _tls(deployment: Deployment) -> list[str]:
    if not deployment.tls:
        return []
    certificate, key = deployment.tls
    return [
        "# The application sees HTTPS, SSL_PROTOCOL, SSL_CIPHER and the like.",
        '$SERVER["socket"] == ":443" {',
        '    ssl.engine  = "enable"',
        f'    ssl.pemfile = "{certificate}"',
        f'    ssl.privkey = "{key}"',
        "}",
        '$HTTP["scheme"] == "http" {',
        f"    {_condition(deployment)} {{",
        '        url.redirect = ( "" => "https://${url.authority}${url.path}${qsa}" )',
        "    }",
        "}",
        "",
    ]


def _condition(deployment: Deployment) -> str:
    """Return the condition for the host; without one in the text, lighttpd leaves out the port."""
    name = deployment.server_name
    if name.startswith("*."):
        return f'$HTTP["host"] =~ "{literal(name[1:])}(:[0-9]+)?$"'
    return f'$HTTP["host"] == "{name}"'


def _host(deployment: Deployment) -> list[str]:
    """Return what holds for the host."""
    kib = -(-deployment.upload_limit // 1024)
    lines = [
        f'server.document-root    = "{deployment.public}"',
        f"server.max-request-size = {kib}  # KiB of an upload; larger ones are answered 413",
        "",
    ]
    for url, directory in longest_first(deployment.static):
        lines += [f"# {about_files(deployment)}", f'alias.url += ( "{url}/" => "{directory}/" )', ""]
    for _, directory in deployment.private:
        lines += [
            "# Files that only the application gives out: with the response header X-Sendfile, in place of a body:",
            f"# {directory}/name, percent-encoded.",
            "",
        ]
    if deployment.variant:
        return [*lines, *_scripts(deployment)]
    inside = _script(deployment) if deployment.transport == "cgi" else _backend(deployment)
    if not deployment.mount:
        return [*lines, *_except([literal(f"{url}/") for url, _ in deployment.static], inside)]
    mount = literal(deployment.mount)
    return [
        *lines,
        f"# {deployment.mount} and everything below it, but not {deployment.mount}le.",
        f'$HTTP["url"] =~ "^{mount}" {{',
        *indented(_except([f"{mount}[^/]", *(literal(f"{url}/") for url in files_inside(deployment))], inside)),
        "}",
    ]


def _except(patterns: Sequence[str], lines: list[str]) -> list[str]:
    """Return the lines, for all but these paths. A negation also holds for paths that are not UTF-8."""
    if not patterns:
        return lines
    pattern = "|".join(patterns)
    return [f'$HTTP["url"] !~ "^{f"({pattern})" if len(patterns) > 1 else pattern}" {{', *indented(lines), "}"]


def _aliases(deployment: Deployment) -> bool:
    return bool(deployment.static or deployment.transport == "cgi")


def _scripts(deployment: Deployment) -> list[str]:
    return [
        "# Every script of the directory, each at its own URL: /cgi-bin/app.cgi/any/path",
        '$HTTP["url"] =~ "^/cgi-bin/" {',
        f'    alias.url  += ( "/cgi-bin/" => "{deployment.root}/cgi-bin/" )',
        *indented(_running(deployment)),
        "}",
    ]


def _script(deployment: Deployment) -> list[str]:
    path = deployment.script_path
    alias = f'( "{deployment.mount}" => "{path}" )' if deployment.mount else f'( "/" => "{path}/" )'
    # No +=: lighttpd does not start with an alias that could stand behind that of files above it.
    return [f"alias.url   = {alias}", *_running(deployment)]


def _running(deployment: Deployment) -> list[str]:
    lines = ['cgi.assign  = ( "" => "" )  # run the file itself: its first line names the interpreter']
    lines.append(f'cgi.limits  = ( "read-timeout" => {seconds(deployment)} )  # seconds without a byte from the script')
    if deployment.private:
        lines += ['cgi.x-sendfile = "enable"', f"cgi.x-sendfile-docroot = ( {_directories(deployment)} )"]
    return [*lines, _STREAM]


def _backend(deployment: Deployment) -> list[str]:
    setting = _SETTINGS[deployment.transport]
    # AJP13 and HTTP tell the whole path: with a key, lighttpd would take from it.
    key = (deployment.mount or "/") if setting in ("fastcgi", "scgi") else ""
    lines = ['scgi.protocol = "uwsgi"'] if deployment.transport == "uwsgi" else []
    lines.append(f'{setting}.server = ( "{key}" => (')
    if deployment.authorizer:
        lines += [
            "    (",
            *indented(_address(deployment.authorizer), "        "),
            '        "mode"        => "authorizer",',
            '        "check-local" => "disable",',
            "    ),",
            "    # Without this one, the files of the document root are what is guarded.",
        ]
    for address in deployment.addresses or ("",):
        lines += ["    (", *indented(_one(deployment, address), "        "), "    ),"]
    lines.append("))")
    if deployment.several:
        lines.append(f'{setting}.balance = "least-connection"  # the machine that has the least in hand')
    return [
        *lines,
        _STREAM,
        "# An upload is collected before it is passed on, and gets its length if it had none:",
        "# server.stream-request-body = 0",
    ]


def _one(deployment: Deployment, address: str) -> list[str]:
    """Return the lines for one machine."""
    lines = _address(address) if address else _spawned(deployment)
    lines.append(f'"read-timeout" => {seconds(deployment)},  # seconds without a byte from the application')
    if deployment.several:
        lines.append('"disable-time" => 5,  # seconds for which a machine that does not answer is left out')
    if deployment.transport != "http":
        lines.append('"check-local" => "disable",  # no file has to exist below the document root')
    if deployment.transport in ("fastcgi", "scgi", "uwsgi") and not deployment.mount:
        lines.append('"fix-root-scriptname" => "enable",  # or the first part of the path becomes SCRIPT_NAME')
    if deployment.private:
        lines += ['"x-sendfile" => "enable",', f'"x-sendfile-docroot" => ( {_directories(deployment)} ),']
    return lines


def _spawned(deployment: Deployment) -> list[str]:
    odd = next((char for char in deployment.script_path if not SIMPLE.fullmatch(char)), "")
    if odd:
        why = "lighttpd splits it at spaces" if odd == " " else "letters, digits and . _ - + , = @ ~ can"
        raise ConfigError(
            f"--root {deployment.root!r}: {odd!r} cannot be in the command of the script ({why}); "
            "give --script with another path, such as /srv/example/app.fcgi"
        )
    return [
        f'"bin-path" => "{deployment.script_path}",',
        f'"socket" => "/run/lighttpd/{deployment.name}.sock",  # Debian makes this directory for lighttpd',
        f'"max-procs" => {deployment.workers},  # processes; each has threads of its own',
        '"bin-environment" => ( "GATEWAYS_THREADS" => "8", "LANG" => "C.UTF-8" ),',
    ]


def _address(text: str) -> list[str]:
    address = parse_address(text)
    if address.kind == "unix":
        return [f'"socket" => "{address.path}",']
    return [f'"host" => "{address.host}",', f'"port" => {address.port},']


def _directories(deployment: Deployment) -> str:
    return ", ".join(f'"{directory}/"' for _, directory in deployment.private)
