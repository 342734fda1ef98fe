"""systemd: a service with a socket unit, a service alone, or the service of a master for several applications."""

from __future__ import annotations

import re

from gateways.deploy import served
from gateways.deploy.description import Deployment
from gateways.deploy.text import File, comment, heading, joined
from gateways.errors import ConfigError

STANDALONE = "standalone"
MASTER = "master"

_PLAIN = re.compile(r"[A-Za-z0-9_./:@,=+-]+")

_LOCKS = """\
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
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

_RELOAD = "# Waits until the new workers serve, and fails when they cannot: the old ones go on then."


def write(deployment: Deployment) -> list[File]:
    """Return the units. Raises ``ConfigError`` for what systemd cannot do."""
    served.check(deployment)
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
    listening = [
        f'# systemd:{deployment.transport} is the socket whose FileDescriptorName is "{deployment.transport}".',
        "# No access log: the web server writes one.",
    ]
    return [
        *comment(heading(deployment, title, [], [])),
        "",
        "[Unit]",
        f"Description=The {name} application",
        f"Requires={name}.socket",
        "After=network.target",
        "",
        *_section(deployment, directory, "the control socket", f"systemd:{deployment.transport}", listening),
    ]


def _standalone(deployment: Deployment) -> list[str]:
    name = deployment.name
    title = [
        "The application with a socket of its own: one unit instead of two, but connections are refused while it",
        "restarts.",
    ]
    install = [
        f"Copy to /etc/systemd/system/{name}.service, then",
        f"  systemctl daemon-reload && systemctl enable --now {name}.service",
    ]
    parent = served.parent(deployment)
    if parent == "/run":
        raise ConfigError(
            f"{deployment.addresses[0]}: the account of the application may not write to /run itself; "
            f"give unix:/run/{name}/app.sock, or leave --variant {STANDALONE} out"
        )
    below = parent[len("/run/") :] if parent.startswith("/run/") else ""
    directory = below or name
    return [
        *comment(heading(deployment, title, install, [])),
        "",
        "[Unit]",
        f"Description=The {name} application",
        "After=network.target",
        "",
        *_section(
            deployment,
            directory,
            "both sockets" if below else "the control socket",
            str(deployment.address),
            ["# No access log: the web server writes one."],
            "" if below else parent,
        ),
    ]


def _section(
    deployment: Deployment, directory: str, what: str, listen: str, about: list[str], writable: str = ""
) -> list[str]:
    """Return the sections from [Service] on. ``directory`` is below /run, ``writable`` another one that is needed."""
    account = deployment.account
    control = f"/run/{directory}/control"
    command = served.program(deployment)
    words = served.arguments(deployment, listen)
    split = words.index(f"--{deployment.transport}")
    first, second = ([word(text) for text in part] for part in (words[:split], words[split:]))
    return [
        "[Service]",
        *_NOTIFY.split("\n"),
        f"# An account of its own: adduser --system {account}. The group lets the web server use the socket.",
        f"User={account}",
        f"Group={deployment.socket_group}",
        f"WorkingDirectory={value(deployment.root)}",
        f"# Makes /run/{directory}, owned by User, for {what}.",
        f"RuntimeDirectory={value(directory)}",
        *about,
        f"ExecStart={command} serve {' '.join(first)} \\",
        f"    {' '.join(second)} --control {word(control)} --no-access-log",
        _RELOAD,
        f"ExecReload={command} reload --control {word(control)}",
        *_TIMES.split("\n"),
        "",
        "# What the application cannot do, even if somebody breaks into it. Take out the line that it objects to.",
        "CapabilityBoundingSet=",
        *_LOCKS.split("\n"),
        "# What it may write to, besides its own /tmp",
        f"ReadWritePaths={value(writable)}" if writable else f"# ReadWritePaths={value(deployment.root)}/data",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]


def _master(deployment: Deployment) -> list[str]:
    name = deployment.name
    title = [
        "One master for several applications, as /etc/gateways.toml says (gateways conf toml writes one). Each pool",
        "has a user of its own, so the master is started as root; it runs no code of the applications.",
    ]
    install = [
        f"Copy to /etc/systemd/system/{name}.service, then",
        f"  systemctl daemon-reload && systemctl enable --now {name}.service",
    ]
    command = served.program(deployment)
    return [
        *comment(heading(deployment, title, install, [])),
        "",
        "[Unit]",
        "Description=Applications served by gateways",
        "After=network.target",
        "",
        "[Service]",
        *_NOTIFY.split("\n"),
        f"# Makes /run/{name} for the sockets, and /var/log/{name}.",
        f"RuntimeDirectory={name}",
        f"LogsDirectory={name}",
        f"ExecStart={command} serve --config /etc/gateways.toml",
        _RELOAD,
        f"ExecReload={command} reload --control /run/{name}/control",
        *_TIMES.split("\n"),
        "",
        "# All that root may do here: give sockets to a group, become the users of the pools, signal their workers.",
        "CapabilityBoundingSet=CAP_CHOWN CAP_SETUID CAP_SETGID CAP_KILL CAP_DAC_OVERRIDE",
        *_LOCKS.split("\n"),
        "# What the applications may write to",
        f"# ReadWritePaths={value(deployment.root)}/data",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
