"""systemd: a service with a socket unit, a service alone, or the service of a master for several applications."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateways.deploy import served
from gateways.deploy.description import SHARED, TEMPORARY, Deployment
from gateways.deploy.overlaps import is_below
from gateways.deploy.text import File, comment, heading, joined
from gateways.errors import ConfigError

STANDALONE = "standalone"
MASTER = "master"

_PLAIN = re.compile(r"[A-Za-z0-9_./:@,=+-]+")

_RIGHTS = """\
# What the application cannot do, even if somebody breaks into it. Take out the line that it objects to.
CapabilityBoundingSet="""

_RIGHTS_OF_ROOT = """\
# All that root may do here: give sockets to a group, become the users of the pools, signal their workers.
# This and what follows holds for the applications, too. Take out the line that one objects to.
CapabilityBoundingSet=CAP_CHOWN CAP_SETUID CAP_SETGID CAP_KILL CAP_DAC_OVERRIDE"""

_LOCKS = """\
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM"""

_TIMES = """\
# Longer than boot_timeout (60 s).
TimeoutStartSec=90
# SIGTERM to the master alone: the workers finish the requests in hand (graceful_timeout, 30 s).
KillMode=mixed
TimeoutStopSec=40
Restart=on-failure
RestartSec=1
# 2 is a wrong setting, 3 an application that cannot be loaded: neither gets better by itself.
RestartPreventExitStatus=2 3"""

_NOTIFY = """\
# The master reports that its workers serve, that it reloads, and every 15 s that it lives.
Type=notify
WatchdogSec=30"""

#: What ProtectHome= hides.
_HOMES = ("/home", "/root", "/run/user")

#: Directories of other programs, which RuntimeDirectory= would give to the service, and delete when it stops.
_OF_OTHERS = (
    "/run/apache2", "/run/caddy", "/run/credentials", "/run/dbus", "/run/haproxy", "/run/lighttpd", "/run/log",
    "/run/mount", "/run/mysqld", "/run/network", "/run/nginx", "/run/php", "/run/postgresql", "/run/redis", "/run/sshd",
    "/run/sudo", "/run/systemd", "/run/udev", "/run/user",
)  # fmt: skip


def write(deployment: Deployment) -> list[File]:
    """Return the units. Raises ``ConfigError`` for what systemd cannot do."""
    if deployment.variant == MASTER:
        _check_master(deployment)
        return [File(f"systemd/{deployment.name}.service", joined(_master(deployment)))]
    if deployment.variant == STANDALONE:
        return [File(f"systemd/{deployment.name}-standalone.service", joined(_standalone(deployment)))]
    return [
        File(f"systemd/{deployment.name}.socket", joined(_socket(deployment))),
        File(f"systemd/{deployment.name}.service", joined(_service(deployment))),
    ]


def _check_master(deployment: Deployment) -> None:
    for name in ("app", "mount", "upload_limit", "ping", "user", "group", "workers", "ajp_secret", "tls"):
        if deployment.has(name):
            flag = name.replace("_", "-")
            raise ConfigError(
                f"--{flag} with --variant {MASTER}: it belongs into the file; give it to gateways conf toml"
            )


def word(text: str) -> str:
    """Return ``text`` as one word of ExecStart=, with nothing in it that systemd replaces.

    The description has refused double quotes, backslashes and line ends.
    """
    escaped = text.replace("%", "%%").replace("$", "$$")
    return escaped if _PLAIN.fullmatch(escaped) else f'"{escaped}"'


def value(text: str) -> str:
    """Return ``text`` as the whole value of another setting."""
    return text.replace("%", "%%")


def _socket(deployment: Deployment) -> list[str]:
    name = deployment.name
    install = [
        f"Copy {name}.socket and {name}.service to /etc/systemd/system/, then",
        f"  systemctl daemon-reload && systemctl enable --now {name}.socket {name}.service",
    ]
    title = ["systemd listens for the application: connections wait here while it starts or restarts, none is refused."]
    address = deployment.address
    access = []
    if address.kind == "unix":
        access = [
            "# The web server must be able to connect; nobody else has to.",
            "SocketMode=0660",
            f"SocketGroup={deployment.socket_group}",
        ]
    return [
        *comment(heading(deployment, title, install, [])),
        "",
        "[Unit]",
        f"Description=Socket of the {name} application",
        "",
        "[Socket]",
        f"ListenStream={value(address.path or str(address))}",
        f"FileDescriptorName={deployment.transport}",
        *access,
        "Backlog=1024",
        "",
        "[Install]",
        "WantedBy=sockets.target",
    ]


def _service(deployment: Deployment) -> list[str]:
    name = deployment.name
    title = [
        f"The application behind {name}.socket: see there. With --variant {STANDALONE} there is one unit, without it.",
    ]
    directory = name if served.parent(deployment) != f"/run/{name}" else f"{name}-control"
    service = [
        *_account(deployment),
        *_runtime(directory, "the control socket"),
        f'# systemd:{deployment.transport} is the socket whose FileDescriptorName is "{deployment.transport}".',
        "# No access log: the web server writes one.",
        *_run(deployment, f"systemd:{deployment.transport}", f"/run/{directory}/control"),
    ]
    return _unit(deployment, title, [], service, needs=[f"Requires={name}.socket"])


def _standalone(deployment: Deployment) -> list[str]:
    title = [
        "The application with a socket of its own: one unit instead of two, but connections are refused while it",
        "restarts.",
    ]
    parent = served.parent(deployment)
    wrong = _why_not_in(parent)
    if wrong:
        raise ConfigError(
            f"{deployment.addresses[0]}: {wrong}; "
            f"give unix:/run/{deployment.name}/app.sock, or leave --variant {STANDALONE} out"
        )
    below = parent[len("/run/") :] if parent.startswith("/run/") else ""
    directory = below or deployment.name
    service = [
        *_account(deployment),
        *_runtime(directory, "both sockets" if below else "the control socket"),
        "# No access log: the web server writes one.",
        *_run(deployment, str(deployment.address), f"/run/{directory}/control"),
    ]
    return _unit(deployment, title, _install(deployment), service, "" if below else parent)


def _why_not_in(parent: str) -> str:
    """Return why a service cannot make its socket in a directory, or ""."""
    if _is_below(parent, TEMPORARY):
        return f"{parent} is another directory for the service (PrivateTmp), and nobody would find the socket"
    if parent == "/run":
        return "the account of the application may not write to /run itself"
    if parent in SHARED or parent in _OF_OTHERS or _is_below(parent, ("/run/systemd", "/run/user")):
        return f"{parent} is there for others, and systemd would delete it with the service (RuntimeDirectory)"
    return ""


def _master(deployment: Deployment) -> list[str]:
    title = [
        "One master for several applications, as /etc/gateways.toml says (gateways conf toml writes one). Each pool",
        "has a user of its own, so the master is started as root; it runs no code of the applications.",
    ]
    command = served.program(deployment)
    service = [
        "# Makes /var/log/gateways, and /run/gateways for the sockets. ReadWritePaths= names any other directory.",
        "RuntimeDirectory=gateways",
        "LogsDirectory=gateways",
        f"ExecStart={command} serve --config /etc/gateways.toml",
        *_reload(command, served.CONTROL),
    ]
    return _unit(deployment, title, _install(deployment), service, master=True)


def _install(deployment: Deployment) -> list[str]:
    name = deployment.name
    return [
        f"Copy to /etc/systemd/system/{name}.service, then",
        f"  systemctl daemon-reload && systemctl enable --now {name}.service",
    ]


def _account(deployment: Deployment) -> list[str]:
    account = deployment.account
    return [
        f"# An account of its own: adduser --system {account}. The group lets the web server use the socket.",
        f"User={account}",
        f"Group={deployment.socket_group}",
        f"WorkingDirectory={value(deployment.root)}",
    ]


def _runtime(directory: str, what: str) -> list[str]:
    return [f"# Makes /run/{directory}, owned by User, for {what}.", f"RuntimeDirectory={value(directory)}"]


def _run(deployment: Deployment, listen: str, control: str) -> list[str]:
    command = served.program(deployment)
    words = served.arguments(deployment, listen)
    split = words.index(f"--{deployment.transport}")
    first, second = ([word(text) for text in part] for part in (words[:split], words[split:]))
    return [
        f"ExecStart={command} serve {' '.join(first)} \\",
        f"    {' '.join(second)} --control {word(control)} --no-access-log",
        *_reload(command, control),
    ]


def _reload(command: str, control: str) -> list[str]:
    return [
        "# Waits until the new workers serve, and fails when they cannot: the old ones go on then.",
        f"ExecReload={command} reload --control {word(control)}",
    ]


def _unit(
    deployment: Deployment,
    title: list[str],
    install: list[str],
    service: list[str],
    writable: str = "",
    *,
    needs: Sequence[str] = (),
    master: bool = False,
) -> list[str]:
    """Return a whole unit. ``service`` says what runs and as whom, ``writable`` is a directory that it needs."""
    return [
        *comment(heading(deployment, title, install, [])),
        "",
        "[Unit]",
        "Description=Applications served by gateways" if master else f"Description=The {deployment.name} application",
        *needs,
        "After=network.target",
        "",
        "[Service]",
        *_NOTIFY.split("\n"),
        *service,
        *_TIMES.split("\n"),
        "",
        *(_RIGHTS_OF_ROOT if master else _RIGHTS).split("\n"),
        *_LOCKS.split("\n"),
        *_home(deployment, writable, master),
        f"# What {'the applications' if master else 'it'} may write to{'' if master else ', besides its own /tmp'}",
        f"ReadWritePaths={value(writable)}" if writable else f"# ReadWritePaths={value(deployment.root)}/data",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]


def _home(deployment: Deployment, writable: str, master: bool) -> list[str]:
    """Return the line about homes, which are hidden unless the application is in one."""
    places = (deployment.root, deployment.python_path, *(deployment.tls or ()), writable)
    if any(_is_below(place, _HOMES) for place in places):
        return ["# Not yes, which hides homes: what is served lies in one.", "ProtectHome=read-only"]
    about = ["# Hides homes. If an application of the file lies in one: read-only."] if master else []
    return [*about, "ProtectHome=yes"]


def _is_below(path: str, places: Sequence[str]) -> bool:
    return any(is_below(path, place) for place in places)
