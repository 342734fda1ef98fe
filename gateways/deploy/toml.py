"""gateways.toml: one master and a pool for the application, with every other setting at its default beside it."""

from __future__ import annotations

import re

from gateways.addresses import parse_address
from gateways.deploy import served
from gateways.deploy.description import SIZE, TRANSPORTS, Deployment
from gateways.deploy.text import File, comment, heading, joined

_PORTS = {"fastcgi": ":9000", "scgi": ":4000", "uwsgi": ":3031", "ajp": ":8009", "http": ":8000"}


def write(deployment: Deployment) -> list[File]:
    """Return the file."""
    title = ["gateways.toml: one master, and a pool of workers for each application."]
    install = [
        "Copy to /etc/gateways.toml, or beside the application, then",
        "  gateways check-config --load /etc/gateways.toml",
        "  gateways serve --config /etc/gateways.toml",
        "",
        'A line that begins with "#name" is a setting at its default, or, where there is no default, an example. Times',
        "have the units ms, s, m and h, sizes k, M and G. Relative paths start at the directory of this file, or at",
        "chdir. All settings are explained in docs/reference/settings.md, this file in configuration-file.md there.",
    ]
    return [
        File(
            "gateways.toml", joined([*comment(heading(deployment, title, install, [])), "", _text(deployment).rstrip()])
        )
    ]


def string(text: str) -> str:
    """Return a text of TOML. The description has refused what would need to be escaped."""
    return f'"{text}"'


def _text(deployment: Deployment) -> str:
    values = {
        "CONTROL": string(served.CONTROL),
        "NAME": deployment.name,
        "APP": string(deployment.app),
        "ROOT": string(deployment.root),
        "USER": string(deployment.account),
        "GROUP": string(deployment.socket_group),
        "WORKERS": str(deployment.workers),
        "LISTENING": "\n".join(_listening(deployment)),
        "SECRET": _setting("ajp_secret", deployment.ajp_secret, "better @/path of a file that only root can read"),
        "TLS": "\n".join(_tls(deployment)),
        "MOUNT": _setting("script_name", deployment.mount, f"/{deployment.name}"),
        "PING": _setting("ping", deployment.ping, "/ping"),
        "WARMUP": f"{'' if deployment.ping else '#'}warmup = [{string(deployment.ping or '/ping')}]",
        "BODY": _body(deployment),
    }
    return re.sub("<([A-Z]+)>", lambda match: values[match[1]], _TEMPLATE)


def _setting(name: str, value: str, example: str) -> str:
    return f"{name} = {string(value)}" if value else f"#{name} = {string(example)}"


def _listening(deployment: Deployment) -> list[str]:
    lines: list[str] = []
    for transport in TRANSPORTS:
        if transport == deployment.transport:
            addresses = ", ".join(string(str(parse_address(text))) for text in deployment.addresses)
            lines.insert(0, f"{transport} = [{addresses}]")
        else:
            lines.append(f"#{transport} = [{string(_PORTS[transport])}]")
    return lines


def _tls(deployment: Deployment) -> list[str]:
    certificate, key = deployment.tls or ("", "")
    return [
        _setting("certfile", certificate, f"/etc/ssl/certs/{deployment.name}.pem"),
        _setting("keyfile", key, f"/etc/ssl/private/{deployment.name}.key"),
    ]


def _body(deployment: Deployment) -> str:
    if served.limited(deployment):
        return f"max_body_size = {string(SIZE.show(deployment.upload_limit))}"
    return "#max_body_size = 0"


_TEMPLATE = """\
# --- The master, and what is the same for all pools -----------------------------------------------------------------

[gateways]
# What only the master obeys.
control = <CONTROL>
#pid_file = "/run/gateways/gateways.pid"
#daemonize = false
#error_log = "-"
#log_level = "info"
#restart_file = "restart.txt"
#reload = false

# Any other setting is a default for the pools. The web server writes an access log.
access_log = "off"
# How long a request may take until its traceback is logged, and until it is ended; the requests of a worker's life.
request_slowlog_timeout = "5s"
#request_terminate_timeout = "0s"
#max_requests = 0

# --- A pool: one application with workers of its own ----------------------------------------------------------------

[pool.<NAME>]
# module:attribute, path/to/file.py:attribute or module:factory()
application = <APP>
# Where the workers run, and where relative paths of this pool start.
chdir = <ROOT>
# The account of the workers; the master has to be started as root.
user = <USER>
# The environment of the processes (os.environ), and what every request has in its environ besides.
#env = { DJANGO_SETTINGS_MODULE = "<NAME>.settings" }
#environ = { "<NAME>.colour" = "blue" }

# Listening: the web server connects here. Its group needs to write to the socket.
<LISTENING>
socket_group = <GROUP>
#socket_owner = <USER>
#socket_mode = 0o660
#ajp_packet_size = "8k"
<SECRET>
#listen = [":8001"]
#allowed_clients = ["10.0.0.0/8"]
#backlog = 1024
# Where clients come by HTTP without a web server: TLS, and what is believed of a proxy on the way.
<TLS>
#forwarded_allow_ips = ["10.0.0.5"]
#forwarded_headers = ["x-forwarded-for", "x-forwarded-proto"]
#proxy_protocol = false
#max_http_version = "HTTP/1.1"
#fcgi_multiplex = 0

# Workers: so many at once, each with 8 threads.
workers = <WORKERS>
#threads = 8
#worker = "threads"
#pm = "static"
#start_workers = 0
#min_spare = 1
#max_spare = 3
#idle_timeout = "10s"
#preload = false
#hooks = "<NAME>.hooks"
<WARMUP>

# The process.
#group = <USER>
#umask = 0o022
#python_path = ["lib"]
#interface = "wsgi"
<MOUNT>
#posthooks = false
#minimum_chunk_size = 0
#capitalize_response_headers = false
#on_boot_error = "auto"
#debug = false
#debug_secrets = false

# Limits of a worker.
#max_requests_jitter = 0
#max_memory = 0
#boot_timeout = "60s"
#boot_retries = 5
#heartbeat_timeout = "0s"

# Limits of a request.
#max_header_size = "256k"
#max_headers = 1000
#max_name_size = 256
#max_request_line = "16k"
<BODY>
#header_timeout = "15s"
#body_timeout = "60s"
#write_timeout = "60s"
#keepalive_timeout = "75s"
#graceful_timeout = "30s"
#linger_timeout = "30s"

# Logs and status.
#slow_log = "-"
#access_log_format = "combined"
#status = "/status"
<PING>

# --- Another pool would have nothing in common with the first but the master: take the signs out ---------------------

# [pool.blog]
# application = "/srv/blog/app.py:create_app()"
# chdir = "/srv/blog"
# user = "blog"
# fastcgi = ["unix:/run/gateways/blog.sock"]
# socket_group = "www-data"
#  No process at all while nobody asks, and two at most.
# workers = 2
# pm = "ondemand"
# idle_timeout = "5m"
"""
