"""A container of the application, and a composition with nginx in front of it."""

from __future__ import annotations

import json
import re

from gateways.deploy import behind_nginx, served
from gateways.deploy.behind_nginx import text
from gateways.deploy.description import SIMPLE, Deployment
from gateways.deploy.kubernetes import UID
from gateways.deploy.text import File, comment, heading, joined, refuse

#: Not below ``--root``: there a venv that is in the directory of the application would be copied over it.
VENV = "/opt/venv"
REFUSES = {
    **behind_nginx.REFUSES,
    "tls": "the file of nginx has no certificates here; put a server in front that has them",
}


def write(deployment: Deployment) -> list[File]:
    """Return Dockerfile, composition and nginx's file. Raises ``ConfigError`` for what cannot be written there."""
    behind_nginx.check(deployment)
    if not SIMPLE.fullmatch(deployment.root):
        found = re.sub(SIMPLE, "", deployment.root)
        raise refuse(deployment, "--root", deployment.root, found[0], "instructions are split there")
    return [
        File("container/Dockerfile", joined(_dockerfile(deployment))),
        File("container/compose.yaml", joined(_compose(deployment))),
        File("container/nginx.conf", behind_nginx.configuration(deployment, "compose.yaml gives it to nginx.")),
    ]


def _dockerfile(deployment: Deployment) -> list[str]:
    root, account = deployment.root, deployment.account
    socket = str(deployment.address)
    title = [
        "The application in a container, with a master as process 1. Beside it in the build context: requirements.txt,",
        "which lists gateways and what the application needs, and app.py.",
    ]
    install = ["Copy to the directory of the application, then", f"  docker build --tag {deployment.name.lower()} ."]
    command = ["gateways", "serve", *served.arguments(deployment, socket)]
    more = ["--socket-mode", "0666", *([] if deployment.ping else ["--ping", behind_nginx.ping(deployment)])]
    return [
        *comment(heading(deployment, title, install, [])),
        "",
        "# With a compiler, for the C part of gateways; the image that runs has none.",
        "FROM python:3.13 AS build",
        f"RUN python -m venv {VENV}",
        "COPY requirements.txt .",
        f"RUN {VENV}/bin/pip install --no-cache-dir --requirement requirements.txt",
        "",
        "FROM python:3.13-slim",
        "# A number, which Kubernetes can tell from root. The socket's directory: a volume there begins like this.",
        f"RUN useradd --system --uid {UID} {account} && install -d -o {account} {served.parent(deployment)}",
        f"COPY --from=build {VENV} {VENV}",
        f"COPY . {root}",
        f"WORKDIR {root}",
        f'ENV PATH="{VENV}/bin:$PATH"',
        f"USER {UID}",
        "",
        "# A list: without a shell, the master is process 1, gets the signals, and collects what others leave behind.",
        "# The access log is on the standard output, the error log on the standard error output.",
        f"CMD [{_list(command)}, \\",
        f"     {_list(more)}]",
        "STOPSIGNAL SIGTERM",
        "HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \\",
        f"    CMD [{_list(behind_nginx.health_check(deployment))}]",
    ]


def _list(words: list[str]) -> str:
    return ", ".join(json.dumps(word, ensure_ascii=False) for word in words)


def _compose(deployment: Deployment) -> list[str]:
    directory = served.parent(deployment)
    title = ["The application of the Dockerfile beside this file, and nginx in front of it, which share a directory."]
    install = ["Copy all three files to the directory of the application, then", "  docker compose up --build"]
    volumes = [volume(place, place) for _, place in (*deployment.static, *deployment.private)]
    return [
        *comment(heading(deployment, title, install, [])),
        "",
        "services:",
        "  app:",
        "    build: .",
        "    volumes:",
        f"      - {text(f'run:{directory}')}",
        "    # Longer than graceful_timeout (30 s): after SIGTERM the requests in hand are finished.",
        "    stop_grace_period: 40s",
        "    restart: unless-stopped",
        "    read_only: true",
        "    tmpfs:",
        "      - /tmp",
        "    cap_drop:",
        "      - ALL",
        "    security_opt:",
        "      - no-new-privileges:true",
        "",
        "  web:",
        "    image: nginx:stable",
        "    depends_on:",
        "      app:",
        "        condition: service_healthy",
        "    ports:",
        '      - "8080:80"',
        "    volumes:",
        f"      - {text(f'run:{directory}')}",
        "      - ./nginx.conf:/etc/nginx/conf.d/default.conf:ro",
        *volumes,
        "    restart: unless-stopped",
        "",
        "volumes:",
        "  run:",
    ]


def volume(here: str, there: str) -> str:
    """Return the entry for a directory, in the form that knows no colons. A dollar begins a variable in this file."""
    source, target = (json.dumps(path.replace("$", "$$"), ensure_ascii=False) for path in (here, there))
    return f"      - {{type: bind, source: {source}, target: {target}, read_only: true}}"
