"""HAProxy: FastCGI and HTTP, to one machine or several, with several requests on a connection if need be."""

from __future__ import annotations

from gateways.addresses import parse_address
from gateways.deploy.description import Deployment
from gateways.deploy.text import SPEECH, File, comment, heading, indented, joined, literal, milliseconds, where, word
from gateways.errors import ConfigError

_NEVER = {"'": "it ends a text"}
_NAMES = ("one", "two", "three", "four", "five", "six")


def write(deployment: Deployment) -> list[File]:
    """Return the whole configuration."""
    _check(deployment)
    lines = [
        *comment(_heading(deployment)),
        "",
        *_global(deployment),
        "",
        *_defaults(deployment),
        "",
        *_frontend(deployment),
        "",
        *_backend(deployment),
    ]
    if deployment.transport == "fastcgi":
        lines += ["", *_application(deployment)]
    return [File(f"haproxy/{_file_name(deployment)}.cfg", joined(lines))]


def _check(deployment: Deployment) -> None:
    if deployment.multiplex and deployment.transport != "fastcgi":
        raise ConfigError("--multiplex with --http: only FastCGI has several requests on a connection; give --fastcgi")
    for address in deployment.addresses:
        if parse_address(address).kind == "unix":
            raise ConfigError(
                f"{address} with HAProxy: it is in a chroot where it finds no other program's socket; give host:port"
            )
    word(deployment, "--mount", deployment.mount, _NEVER)  # part of texts in quotes
    if deployment.tls and deployment.tls[1] not in (deployment.tls[0], f"{deployment.tls[0]}.key"):
        raise ConfigError(
            f"--tls with HAProxy: it looks for the key in {deployment.tls[0]}.key, or in the certificate's own file; "
            "give one of these as KEY"
        )


def _file_name(deployment: Deployment) -> str:
    if deployment.multiplex:
        return "multiplexed"
    return "haproxy" if deployment.several else deployment.transport


def _heading(deployment: Deployment) -> list[str]:
    by = SPEECH[deployment.transport]
    title = [f"HAProxy in front of an application by {by}, {where(deployment)}."]
    if deployment.multiplex:
        title = [
            f"HAProxy in front of one application by {by}, with several requests at a time on each connection:",
            "docs/explain/fastcgi.md says when that is worth it. It is not the usual way: conf/haproxy/haproxy.cfg is.",
        ]
    elif deployment.several:
        title = [
            f"HAProxy in front of an application that is served on several machines, by {by}:",
            "see docs/howto/several-machines.md.",
        ]
    install = [
        "Copy to /etc/haproxy/haproxy.cfg, then",
        "  haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl reload haproxy",
    ]
    return [
        *heading(deployment, title, install),
        "TCP, because HAProxy is in a chroot where it finds no other program's socket. For HAProxy 2.4 and newer.",
    ]


def _global(deployment: Deployment) -> list[str]:
    lines = [
        "global",
        "    log /dev/log local0",
        "    user haproxy",
        "    group haproxy",
        "    chroot /var/lib/haproxy",
    ]
    if deployment.several:
        lines += [
            "    # For draining:",
            f'    # echo "set server {deployment.name}_app/one state drain" | socat stdio /run/haproxy/admin.sock',
            "    stats socket /run/haproxy/admin.sock mode 660 level admin",
        ]
    return lines


def _defaults(deployment: Deployment) -> list[str]:
    lines = [
        "defaults",
        "    mode http",
        "    log global",
        "    option httplog",
        "    option dontlognull",
        "    timeout connect 2s   # a machine that is switched off does not even refuse",
        "    timeout client 60s",
        f"    timeout server {milliseconds(deployment)}   # without a byte from the application",
    ]
    if deployment.ping or deployment.several:
        lines.append("    timeout check 5s     # for an answer to a health check: a busy machine is not a dead one")
    return [*lines, "    timeout http-request 15s", "    timeout http-keep-alive 15s"]


def _frontend(deployment: Deployment) -> list[str]:
    name = deployment.name
    lines = [f"frontend {name}", "    bind :80"]
    if deployment.tls:
        lines += [
            f"    bind :443 ssl crt {deployment.tls[0]}",
            "    http-request redirect scheme https code 301 unless { ssl_fc }",
        ]
    else:
        lines += [
            "    # The application then sees https by itself.",
            f"    # bind :443 ssl crt /etc/haproxy/{deployment.server_name}.pem",
        ]
    if deployment.upload_limit:
        lines += [
            "    # Bytes of an upload.",
            f"    http-request deny deny_status 413 if {{ req.body_size gt {deployment.upload_limit} }}",
        ]
    lines += ["", "    # HAProxy serves no files: let nginx, or the application, do that."]
    if not deployment.mount:
        return [*lines, f"    default_backend {name}_app"]
    below = f"{{ path,url_dec -m str '{deployment.mount}' }} or {{ path,url_dec -m beg '{deployment.mount}/' }}"
    return [*lines, f"    use_backend {name}_app if {below}"]


def _backend(deployment: Deployment) -> list[str]:
    lines = [f"backend {deployment.name}_app"]
    if deployment.several:
        lines.append("    balance leastconn")
    if deployment.transport == "fastcgi":
        lines.append(f"    use-fcgi-app {deployment.name}")
    else:
        lines += [
            '    # A client\'s Proxy: header must not look like a setting ("httpoxy").',
            "    http-request del-header Proxy",
            "    # Set, not added to: what the client wrote there itself is not true.",
            "    http-request set-header X-Forwarded-For %[src]",
            "    http-request set-header X-Forwarded-Proto https if { ssl_fc }",
            "    http-request set-header X-Forwarded-Proto http unless { ssl_fc }",
        ]
    if deployment.multiplex:
        lines += [
            "    # Any client's request may go on any connection; only then there is something to put on it.",
            "    http-reuse always",
        ]
    if deployment.several or deployment.multiplex:
        lines += _retries(deployment.several)
    if deployment.ping:
        host = deployment.server_name.removeprefix("*.")
        lines += [
            "",
            "    # The health check asks what --ping answers: in the same way as the requests do.",
            "    option httpchk",
            f"    http-check send meth GET uri {deployment.ping} ver HTTP/1.1 hdr Host {host}",
            "    http-check expect status 200",
        ]
    return [*lines, *(_machines(deployment) if deployment.several else [_one(deployment)])]


def _one(deployment: Deployment) -> str:
    proto = " proto fcgi" if deployment.transport == "fastcgi" else ""
    check = " check inter 2s fall 3 rise 2" if deployment.ping else ""
    return f"    server app {deployment.addresses[0]}{proto}{check}"


def _retries(several: bool) -> list[str]:
    lines = [
        "",
        "    # What failed on one machine goes to the other, at once. A request that nobody took (conn-failure)",
        "    # always; one that was taken and not answered (empty-response) only if its method may be repeated. It has",
        "    # to fit into one buffer (16 kB).",
        "    option redispatch 1",
        "    retries 3",
    ]
    if not several:
        lines = ["    # A connection that ends has left requests unanswered only if they had not begun."]
    return [
        *lines,
        "    retry-on conn-failure empty-response",
        "    http-request disable-l7-retry if !{ method GET HEAD OPTIONS }",
    ]


def _machines(deployment: Deployment) -> list[str]:
    proto = "proto fcgi " if deployment.transport == "fastcgi" else ""
    lines = [
        "",
        "    # Every 2 s, faster while it is unclear how things stand. After three requests that failed (observe), one",
        "    # failed check or three more requests are enough. Only what fails to connect: with layer7, one page that",
        "    # answers 500 could take the site down.",
        '    # There is no "on-marked-down shutdown-sessions": a machine that stops in good order refuses new',
        "    # connections and still works on those it has.",
        f"    default-server {proto}check inter 2s fastinter 500ms downinter 1s fall 3 rise 2",
        "    default-server observe layer4 error-limit 3 on-error sudden-death",
    ]
    return [*lines, *(f"    server {_name(n)} {address}" for n, address in enumerate(deployment.addresses))]


def _name(number: int) -> str:
    """Return what a machine is called."""
    return _NAMES[number] if number < len(_NAMES) else f"app{number + 1}"


def _application(deployment: Deployment) -> list[str]:
    inside = [
        f"docroot {word(deployment, '--root', deployment.public, _NEVER, quote=chr(39))}",
        *_path_info(deployment),
        *_connections(deployment),
        "# The Authorization header belongs to the application. (REMOTE_USER does not: nobody has checked it.)",
        "pass-header Authorization",
        "# What other web servers send by themselves.",
        "set-param SERVER_ADDR %[dst]",
        "set-param REQUEST_SCHEME https if { ssl_fc }",
        "set-param REQUEST_SCHEME http unless { ssl_fc }",
        *_of_tls(deployment),
        "# Tracebacks and wsgi.errors go to HAProxy's log.",
        "log-stderr global",
    ]
    return [f"fcgi-app {deployment.name}", *indented(inside)]


def _path_info(deployment: Deployment) -> list[str]:
    if deployment.mount:
        return [
            f"# SCRIPT_NAME is {deployment.mount}, and the rest is PATH_INFO.",
            f"path-info '^({literal(deployment.mount)})(/.*)?$'",
        ]
    return [
        "# The application is the whole site: SCRIPT_NAME is empty, and all is PATH_INFO.",
        "path-info ^()(/.*)$",
    ]


def _connections(deployment: Deployment) -> list[str]:
    kept = ["# Connections are kept, and cost the gateway no thread while they are idle.", "option keep-conn"]
    if deployment.multiplex:
        as_many = ["option mpxs-conns", "# As many as --fcgi-multiplex", f"option max-reqs {deployment.multiplex}"]
        return [*as_many, *kept]
    if not deployment.several:
        return kept
    return [
        "# A connection for each request. Kept ones (option keep-conn) save the connect; a POST that meets one",
        "# just when its machine reloads or stops is then answered 502, as HAProxy cannot know what became of it.",
        "no option keep-conn",
    ]


def _of_tls(deployment: Deployment) -> list[str]:
    if not deployment.tls:
        return []
    return [
        "set-param SSL_PROTOCOL %[ssl_fc_protocol] if { ssl_fc }",
        "set-param SSL_CIPHER %[ssl_fc_cipher] if { ssl_fc }",
    ]
