"""supervisor: a program that makes its socket, or an fcgi-program whose socket supervisor makes."""

from __future__ import annotations

import re
import shlex

from gateways.deploy import served
from gateways.deploy.description import SHARED, Deployment
from gateways.deploy.text import File, comment, heading, joined, refuse
from gateways.errors import ConfigError

FCGI_PROGRAM = "fcgi-program"

#: Where a comment begins in a line, even between quotes.
_COMMENT = re.compile(r"(?<=\s)(?=[;#])")

_END = """\
; 2 is a wrong setting, 3 an application that cannot be loaded: neither gets better by itself.
autorestart=unexpected
exitcodes=0,2,3
; To the master alone: its workers finish the requests in hand. Longer than graceful_timeout (30 s).
stopsignal=TERM
stopwaitsecs=40
; After that, everything is killed.
killasgroup=true"""


def write(deployment: Deployment) -> list[File]:
    """Return the file for conf.d. Raises ``ConfigError`` for what supervisor cannot write."""
    if deployment.group and not served.parent(deployment):
        raise ConfigError("--group: there is no Unix socket that a group could use; leave it out")
    if deployment.variant == FCGI_PROGRAM:
        return [File(f"supervisor/{deployment.name}-fcgi.conf", joined(_fcgi_program(deployment)))]
    return [File(f"supervisor/{deployment.name}.conf", joined(_program(deployment)))]


def word(text: str) -> str:
    """Return ``text`` as one word of ``command=``: for a shell, without a comment, and with nothing to be replaced."""
    return _COMMENT.sub("''", shlex.quote(text)).replace("%", "%%")


def value(deployment: Deployment, flag: str, text: str) -> str:
    """Return ``text`` as a whole value. Raises ``ConfigError`` for what would be a comment."""
    found = re.search(r"\s[;#]|\s$", text)
    if found:
        raise refuse(deployment, flag, text, found[0], "a comment begins with it, or it is cut off")
    return text.replace("%", "%%")


def _command(deployment: Deployment, listen: str, *more: str) -> str:
    words = [served.program(deployment), "serve", *served.arguments(deployment, listen, *more), "--no-access-log"]
    return f"command={' '.join(map(word, words))}"


def _install(deployment: Deployment, owner: str) -> list[str]:
    name = deployment.name
    directory = served.parent(deployment)
    lines = [f"Copy to /etc/supervisor/conf.d/{name}.conf, then"]
    if directory in ("", *SHARED):
        return [*lines, "  supervisorctl update"]
    made = f"install -d {f'-o {owner} ' if owner != 'root' else ''}{directory}"
    lines += [f"  [ -d {directory} ] || {made}", "  supervisorctl update"]
    if directory.startswith("/run/"):
        lines += [
            "/run is empty after each start of the machine: to make the directory again, put the line",
            f"  d {directory} 0755 {owner} {owner}",
            f"into /etc/tmpfiles.d/{name}.conf",
        ]
    return lines


def _program(deployment: Deployment) -> list[str]:
    title = ["supervisor keeps the application running, with a socket that the application makes itself."]
    account = deployment.account
    unix = bool(served.parent(deployment))
    if served.parent(deployment) == "/run" and account != "root":
        raise ConfigError(
            f"{deployment.addresses[0]}: {account} may not write to /run itself; give "
            f"unix:/run/{deployment.name}/app.sock, or --variant {FCGI_PROGRAM}"
        )
    group = ["--socket-group", deployment.group] if deployment.group and unix else []
    about = [
        "The web server's account, which makes the socket usable for it. An account of its own is better: then give",
        "--user NAME and --group www-data to the command above, and add the account to that group.",
    ]
    return [
        *comment(heading(deployment, title, _install(deployment, account), []), ";"),
        "",
        f"[program:{deployment.name}]",
        _command(deployment, str(deployment.address), *group),
        f"directory={value(deployment, '--root', deployment.root)}",
        *(comment(about, ";") if unix and not deployment.user else []),
        f"user={account}",
        *_END.split("\n"),
        "; Errors and tracebacks of the application.",
        f"stderr_logfile=/var/log/supervisor/{deployment.name}.log",
    ]


def _fcgi_program(deployment: Deployment) -> list[str]:
    title = [
        "supervisor makes the socket, as root: its owner and mode are independent of the account of the application.",
        "It is closed while the program is stopped: to renew the application, reload.",
    ]
    address = deployment.address
    group = deployment.socket_group
    listening = [f"socket=tcp://{address}"]
    if address.kind == "unix":
        listening = [f"socket=unix://{address.path}", f"socket_owner={group}:{group}", "socket_mode=0660"]
    return [
        *comment(heading(deployment, title, _install(deployment, "root"), []), ";"),
        "",
        f"[fcgi-program:{deployment.name}]",
        *listening,
        "; fd:0 is that socket.",
        _command(deployment, "fd:0"),
        f"directory={value(deployment, '--root', deployment.root)}",
        f"user={deployment.account}",
        *_END.split("\n"),
        "; What the master has to say. Errors and tracebacks of the application are in the web server's error log;",
        "; with --error-log FILE they are in that file, too.",
        f"stderr_logfile=/var/log/supervisor/{deployment.name}.log",
    ]
