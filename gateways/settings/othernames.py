"""What php-fpm, uWSGI and gunicorn call a setting, and what to do here instead: for those who bring a configuration.

Each table goes from an answer to the names it is for. An answer that begins with a setting of ours completes "here it
is"; any other is a sentence of its own. A dash, a dot and an underscore are the same in a name.
"""

from __future__ import annotations

import re
from functools import lru_cache

_PHP_FPM = {
    "{workers}": "pm.max_children",
    "{start_workers}": "pm.start_servers",
    "{min_spare}": "pm.min_spare_servers",
    "{max_spare}": "pm.max_spare_servers",
    "{idle_timeout}": "pm.process_idle_timeout",
    "{max_requests}": "pm.max_requests",
    "{status}": "pm.status_path",
    "the {status} page is answered at every address, and by the socket {control}": "pm.status_listen",
    "{ping}": "ping.path",
    "the answer to {ping} is always pong": "ping.response",
    "{slow_log}": "slowlog",
    "the slow log has whole stacks; when, says {request_slowlog_timeout}": "request_slowlog_trace_depth",
    "{request_terminate_timeout} lasts until the response has ended": "request_terminate_timeout_track_finished",
    "{access_log}": "access.log",
    "{access_log_format}": "access.format",
    "leave requests out of the log in the web server, or switch {access_log} off": "access.suppress_path",
    "{pid_file}": "pid",
    "{socket_owner}": "listen.owner",
    "{socket_group}": "listen.group",
    "{socket_mode}": "listen.mode",
    "access lists are not set; use {socket_group}": "listen.acl_users listen.acl_groups",
    "{allowed_clients}": "listen.allowed_clients",
    "{backlog}": "listen.backlog",
    "{chdir}": "prefix",
    "a pool serves one application, whatever file is asked for": "security.limit_extensions",
    "not needed: what workers write goes to {error_log}": "catch_workers_output decorate_workers_output",
    "workers keep the environment of the program; set variables with {env}": "clear_env",
    "give values to the application by {env} or {environ}": "php_value php_flag php_admin_value php_admin_flag",
    "not needed: a worker that crashes is replaced, and after {boot_retries} failures at the start the program ends": (
        "emergency_restart_threshold emergency_restart_interval"
    ),
    "{graceful_timeout}": "process_control_timeout",
    "each pool has its own {workers}": "process.max",
    "limits are set by whoever starts the program: LimitNOFILE=, LimitCORE= and Nice= of systemd, or ulimit": (
        "rlimit_files rlimit_core process.priority process.dumpable"
    ),
    "a container or systemd (RootDirectory=) does that": "chroot",
    "not needed": "events.mechanism systemd_interval pm.max_spawn_rate log_buffering listen.setfib apparmor_hat",
    "lines are cut at 8 KiB": "log_limit",
    "there is no syslog; under systemd, {error_log} - is in the journal": "syslog.facility syslog.ident",
    "all pools stand in one file": "include",
}

_UWSGI = {
    "{workers}": "processes",
    "{request_terminate_timeout}": "harakiri",
    "{request_slowlog_timeout}, which writes the stacks": "harakiri-verbose",
    "{max_requests_jitter}": "max-requests-delta",
    "{max_memory}": "reload-on-rss reload-on-as evil-reload-on-rss evil-reload-on-as",
    "limit workers by {max_requests} or {max_memory}": "max-worker-lifetime min-worker-lifetime",
    "{restart_file}": "touch-reload touch-chain-reload touch-workers-reload",
    "the logs are opened anew at the signal USR1": "touch-logreopen touch-logrotate log-maxsize",
    "{reload}": "py-autoreload python-autoreload",
    "not needed: {workers} of 1 or more have a master": "master no-orphans log-master",
    "{uwsgi}": "socket uwsgi-socket",
    "{uwsgi}, and TLS is for the web server": "suwsgi-socket",
    "each protocol has a setting of its own: {fastcgi}, {scgi} or {uwsgi}": "protocol",
    "{fastcgi}": "fastcgi-socket fastcgi-nph-socket",
    "{scgi}": "scgi-socket scgi-nph-socket",
    "{http}": "http-socket",
    "HTTP is for the web server, which asks by {fastcgi}, {scgi} or {uwsgi}; there is gateways front for development": (
        "https https-socket http-to http-timeout http-keepalive shared-socket"
    ),
    "{socket_mode}": "chmod-socket",
    "{socket_owner} and {socket_group}": "chown-socket",
    "name the application: application in the file, or the argument APP": (
        "wsgi-file module wsgi callable file pyrun need-plugin mount paste ini-paste eval"
    ),
    "{script_name}": "manage-script-name",
    "{python_path}": "pythonpath pp",
    "start the gateways that is installed there: /path/to/venv/bin/gateways": "home virtualenv venv pyhome",
    "{user}": "uid",
    "{group}": "gid",
    "not needed: groups are those of {user}": "add-gid initgroups",
    "not needed: TERM stops, and HUP reloads": "die-on-term",
    "not needed: the files of sockets are removed": "vacuum",
    "not needed, unless {preload} is set": "lazy-apps lazy",
    "{min_spare}, with {pm} dynamic": "cheaper",
    "{start_workers}": "cheaper-initial",
    "how many workers there are, say {pm}, {min_spare} and {max_spare}": (
        "cheaper-algo cheaper-step cheaper-overload cheaper-busyness-max cheaper-busyness-min"
    ),
    "{idle_timeout}, with {pm} ondemand": "idle die-on-idle cheap",
    "{error_log}": "logto logto2 logger",
    "{access_log}": "req-logger",
    "{access_log}, which can be off": "disable-logging log-5xx log-4xx log-slow log-big log-zero",
    "{access_log_format}": "log-format logformat log-date log-x-forwarded-for log-micros",
    "{pid_file}": "pidfile pidfile2 safe-pidfile safe-pidfile2",
    "{status}, or the socket {control}": "stats stats-server stats-http memory-report",
    "{max_header_size}": "buffer-size",
    "{max_body_size}": "limit-post",
    "{body_timeout} and {write_timeout}": "socket-timeout",
    "{graceful_timeout}": "reload-mercy worker-reload-mercy mule-reload-mercy",
    "{on_boot_error}": "need-app",
    "{debug}": "catch-exceptions",
    "not needed": (
        "enable-threads single-interpreter post-buffering thunder-lock auto-procname procname procname-prefix procname-"
        "master plugin plugins strict ignore-sigpipe ignore-write-errors disable-write-exception close-on-exec tcp-"
        "nodelay so-keepalive so-sndbuf offload-threads master-fifo threads-stacksize wsgi-env-behaviour "
        "honour-stdin wsgi-disable-file-wrapper"
    ),
    "files are for the web server": "static-map static-map2 check-static static-index static-expires static-safe",
    "{worker} gevent, and {threads} for their number": "gevent async greenlet",
    "{interface} asgi": "asyncio",
    "{threads} serve requests side by side": "ugreen loop",
    "one file may have several pools": "emperor vassals-dir ini xml yaml json inherit",
    "gateways does not do that; run a program of its own for it": "spooler mule mules cron attach-daemon cache2 farm",
    "{hooks}": "hook-post-fork hook-pre-app hook-post-app hook-as-user exec-post-app exec-pre-app",
}

_GUNICORN = {
    "{http}, {fastcgi} or {scgi}": "bind",
    "{worker}: threads or gevent": "worker_class",
    "{threads}, in each of the {workers}": "worker_connections",
    "{request_terminate_timeout}, for a request; and {heartbeat_timeout}, for a worker": "timeout",
    "{keepalive_timeout}": "keepalive keep_alive",
    "{preload}": "preload_app",
    "{restart_file}": "reload_extra_files",
    "{reload}": "reload_engine",
    "{access_log}": "accesslog access_logfile",
    "{access_log_format}": "access_logformat",
    "{error_log}": "errorlog error_logfile log_file",
    "not needed: what workers write goes to {error_log}": "capture_output",
    "{log_level}": "loglevel",
    "the application configures its own logging": "logger_class logconfig logconfig_dict logconfig_json log_config",
    "there is no syslog; under systemd, {error_log} - is in the journal": "syslog syslog_addr syslog_prefix",
    "{status}, which OpenMetrics can read": "statsd_host statsd_prefix dogstatsd_tags",
    "{pid_file}": "pidfile pid",
    "not needed": (
        "worker_tmp_dir tmp_upload_dir sendfile no_sendfile reuse_port enable_stdio_inheritance spew "
        "strip_header_spaces proc_name default_proc_name header_map permit_obsolete_folding casefold_http_method "
        "do_handshake_on_connect"
    ),
    "{forwarded_allow_ips}": "proxy_allow_ips",
    "{forwarded_headers}": "secure_scheme_headers forwarder_headers",
    "the groups are those of {user}": "initgroups",
    "{env}": "raw_env",
    "{python_path}": "pythonpath",
    "name the application: application in the file, or the argument APP": "wsgi_app paste raw_paste_global_conf",
    "{daemonize}": "daemon",
    "{max_request_line}": "limit_request_line",
    "{max_header_size}": "limit_request_field_size",
    "{max_headers}": "limit_request_fields",
    "the command is gateways check-config": "check_config print_config",
    "the functions of the module {hooks} are called": (
        "on_starting on_reload when_ready pre_fork post_fork post_worker_init worker_int worker_abort pre_exec "
        "pre_request post_request child_exit worker_exit nworkers_changed on_exit ssl_context"
    ),
    "with {certfile} TLS 1.2 and later is spoken, with the ciphers that OpenSSL is set up for": "ssl_version ciphers",
    "certificates of clients are for the web server": "cert_reqs ca_certs",
}

PROGRAMS = {"php-fpm": _PHP_FPM, "uWSGI": _UWSGI, "gunicorn": _GUNICORN}

#: Short flags of gunicorn, as they are typed.
SHORT_FLAGS = {
    "-b": "{http}, {fastcgi} or {scgi}",
    "-w": "{workers}",
    "-t": "{request_terminate_timeout}",
    "-D": "{daemonize}",
    "-p": "{pid_file}",
    "-u": "{user}",
    "-g": "{group}",
    "-e": "{env}",
    "-c": "--config",
}

#: An application may well have variables of its own with these names after our prefix.
COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        "cron eval file home https idle include ini json loop master module mount pid plugin plugins "
        "prefix protocol stats strict wsgi xml yaml",
    )
)

#: What "here it is" stands before.
_ONLY_A_NAME = re.compile(r"(\{\w+\}|--\w+)(?:$|,| (?:or|and) \{)")


def explain(name: str, certain: bool = False) -> str:
    """Complete "NAME is ...": whose name it is, and what to use here, with ``{setting}`` for ours; "" if nobody's.

    ``certain`` leaves out the common words.
    """
    plain = _plain(name)
    if certain and plain in COMMON_WORDS:
        return ""
    found = _answers().get(plain, {})
    return "; or ".join(f"{' and '.join(owners)} name; {answer}" for answer, owners in found.items())


def explain_short(flag: str) -> str:
    """Do the same for a short flag."""
    answer = SHORT_FLAGS.get(flag, "")
    return f"gunicorn's name; {_complete(answer)}" if answer else ""


@lru_cache(maxsize=1)
def _answers() -> dict[str, dict[str, list[str]]]:
    """Return the answers for each name, and for each answer those who use the name."""
    found: dict[str, dict[str, list[str]]] = {}
    for program, table in PROGRAMS.items():
        for answer, names in table.items():
            for name in names.split():
                found.setdefault(_plain(name), {}).setdefault(_complete(answer), []).append(f"{program}'s")
    return found


def _complete(answer: str) -> str:
    return f"here it is {answer}" if _ONLY_A_NAME.match(answer) else answer


def _plain(name: str) -> str:
    return re.sub("[-.]", "_", name.lower())
