"""Apache starts the application itself: by CGI for each request, or by mod_fcgid, which keeps its processes."""

from __future__ import annotations

from collections.abc import Sequence

from gateways.deploy import apache_site as site
from gateways.deploy.description import Deployment
from gateways.deploy.text import heading, script, seconds, where

#: Seconds for one whole request, however much comes: a process that loops for ever ends at last.
_BUSY = 3600

#: What mod_fcgid has for "no limit": there is no other way to say it.
_HUGE = 1 << 40


def cgi(deployment: Deployment) -> site.Parts:
    """Return the file for mod_cgid and mod_cgi."""
    title = [
        f"Apache runs scripts by CGI, {where(deployment)}: a new process for each request. Slow for an application",
        "with large imports, and the simplest thing there is: no process to keep running.",
    ]
    lines = [*site.document_root(deployment, served=bool(deployment.mount)), ""]
    lines += site.around(deployment, [*_all_scripts(deployment), *alias(deployment)])
    lines += [
        "",
        *directory(deployment, _script_timeout(deployment)),
        *site.private(deployment),
        *site.encoded_slashes(),
    ]
    steps = [*site.install(deployment, ["cgid", "alias"]), "(with the prefork MPM: a2enmod cgi)."]
    steps += script(deployment, deployment.script_path, deployment.python_path)
    return heading(deployment, title, steps), site.virtual_host(deployment, lines)


def fcgid(deployment: Deployment) -> site.Parts:
    """Return the file for mod_fcgid."""
    title = [
        f"Apache and mod_fcgid, {where(deployment)}: Apache starts the application's processes by itself, keeps them,",
        "and stops them.",
    ]
    return heading(deployment, title, install(deployment)), kept(deployment, alias(deployment))


def kept(deployment: Deployment, application: Sequence[str], more: Sequence[str] = ()) -> list[str]:
    """Return the virtual host whose application is kept by mod_fcgid; ``more`` are sections of others."""
    lines = [
        *site.document_root(deployment, served=bool(deployment.mount)),
        "",
        *processes(deployment),
        "",
        *site.around(deployment, application),
        "",
        *directory(deployment, ["Options +ExecCGI", "SetHandler fcgid-script"]),
        *more,
        *site.private(deployment),
        *site.encoded_slashes(),
    ]
    return site.virtual_host(deployment, lines)


def install(deployment: Deployment, modules: tuple[str, ...] = ()) -> list[str]:
    """Say how to bring a file for mod_fcgid into use."""
    return [
        *site.install(deployment, ["fcgid", "alias", *modules], ["libapache2-mod-fcgid"]),
        *script(deployment, deployment.script_path, deployment.python_path),
    ]


def processes(deployment: Deployment) -> list[str]:
    """Return the lines about the processes of mod_fcgid, and what passes between it and them."""
    timeout = seconds(deployment)
    return [
        "# The processes. Each has one request at a time: as many run as there are requests at once.",
        f"FcgidMaxProcessesPerClass {deployment.workers}",
        f"FcgidMinProcessesPerClass {min(1, deployment.workers)}",
        "# Seconds without a request, then a process is stopped",
        "FcgidIdleTimeout 600",
        "# Seconds for a process to start: large imports need time",
        "FcgidConnectTimeout 20",
        "# They start with PATH and nothing else.",
        "FcgidInitialEnv LANG C.UTF-8",
        "",
        "# Bytes of an upload; the default is 131072",
        f"FcgidMaxRequestLen {deployment.upload_limit or _HUGE}",
        "# Send a streamed page when it comes, not when 64 KiB are together",
        "FcgidOutputBufferSize 0",
        "# Seconds without a byte from the application; the default is 40",
        f"FcgidIOTimeout {timeout}",
        "# Seconds for one whole request, however much comes; then the process is killed. Long downloads need them.",
        f"FcgidBusyTimeout {max(_BUSY, timeout)}",
    ]


def alias(deployment: Deployment) -> list[str]:
    """Return the lines that give the path of the application to the script."""
    path = deployment.script_path
    if deployment.mount:
        return [f"ScriptAlias {site.url(deployment, deployment.mount)} {_file(deployment, path)}"]
    return [
        "# The slash at the end makes the application's root the root of the site.",
        f"ScriptAlias / {_file(deployment, f'{path}/')}",
    ]


def _file(deployment: Deployment, path: str) -> str:
    return site.word(deployment, "the path of the script", path)


def directory(deployment: Deployment, options: list[str]) -> list[str]:
    """Return the section for the directory of the script."""
    inside = [
        "Require all granted",
        *options,
        "# The Authorization header belongs to the application",
        "CGIPassAuth On",
        *site.limit(deployment),
        *site.tls_variables(deployment),
    ]
    return site.directory(deployment, deployment.script_path.rpartition("/")[0], inside)


def _script_timeout(deployment: Deployment) -> list[str]:
    return [
        "# Seconds without a byte from the script; mod_cgi has that of Timeout",
        "<IfModule mod_cgid.c>",
        f"    CGIDScriptTimeout {seconds(deployment)}",
        "</IfModule>",
    ]


def _all_scripts(deployment: Deployment) -> list[str]:
    """Return the line that gives each script of the directory its own URL, where that is not the application's."""
    folder, _, name = deployment.script_path.rpartition("/")
    if not deployment.mount or f"{deployment.mount}/".startswith("/cgi-bin/"):
        return []
    return [
        f"# Every script of the directory, each at its own URL: /cgi-bin/{name}/any/path",
        f"ScriptAlias /cgi-bin/ {_file(deployment, f'{folder}/')}",
        "",
        f"# One script for a part of the site: {deployment.mount}/any/path",
    ]
