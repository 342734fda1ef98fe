"""What single values do not show: settings that contradict each other, and pools that want the same address."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gateways.addresses import Address, parse_address
from gateways.settings import Settings
from gateways.settings.listening import LISTENERS

#: Without a manager there is nobody to obey them: something else is meant than what would happen.
_OF_A_MANAGER = ("pm", "start_workers", "min_spare", "max_spare", "idle_timeout", "preload", "daemonize")
#: The same, but the application is served as it should be.
_NOT_MISSED = (
    *("control", "pid_file", "warmup", "heartbeat_timeout", "request_terminate_timeout", "request_slowlog_timeout"),
)
_OF_HTTP = ("forwarded_allow_ips", "max_http_version", "max_request_line")
_OF_HTTP_ALONE = ("certfile", "proxy_protocol")
_OF_DYNAMIC = ("start_workers", "min_spare", "max_spare")

#: Python has read them before a worker could set them.
_TOO_LATE = {"PYTHONPATH": "use python_path", "PYTHONHOME": "", "PYTHONHASHSEED": "", "LD_PRELOAD": ""}


#: More cost more than they bring.
MOST_THREADS = 1024


class Finding(NamedTuple):
    """Something wrong with ``setting``. ``fatal`` refuses the start; the rest is a line for the log."""

    setting: str
    text: str
    fatal: bool = True


class Clash(NamedTuple):
    """An address that is wanted twice: the second time by ``pool``, with ``setting``."""

    pool: str
    setting: str
    text: str


def check_settings(settings: Settings, several: bool) -> Iterator[Finding]:
    """Find what is contradictory in the settings of one pool; ``several`` says that it is not the only one."""
    if several and not any(getattr(settings, name) for name in LISTENERS):
        yield Finding(LISTENERS[0], f"nothing to listen on; give {' or '.join(LISTENERS)}")
    if several and not settings.workers:
        yield Finding("workers", "each of several pools needs workers; give 1 or more")
    elif not settings.workers:
        yield from _check_without_manager(settings)
    if settings.pm == "dynamic":
        yield from _check_spares(settings)
    if settings.worker == "threads" and settings.threads > MOST_THREADS:
        yield Finding("threads", f"more than {MOST_THREADS} threads serve nobody; --worker gevent is for so many")
    if settings.worker == "gevent" and settings.interface == "asgi":
        yield Finding("worker", "an ASGI application waits by asyncio, which gevent cannot stand in for; use threads")
    if settings.worker == "gevent" and settings.fcgi_multiplex:
        yield Finding("fcgi_multiplex", "it is made of threads, and worker gevent has none; use worker threads")
    yield from _check_what_has_no_effect(settings)
    yield from _check_clients(settings)
    yield from _check_times(settings)
    yield from _check_logs(settings)
    yield from _check_secret(settings)
    if settings.status is not None and settings.status == settings.ping:
        yield Finding("ping", f"the path {settings.ping or '/'} is that of status already; choose another one")
    for name, _ in settings.env:
        if name in _TOO_LATE:
            instead = _TOO_LATE[name] or "set it for the whole program"
            yield Finding("env", f"{name} has no effect, because Python runs already; {instead}", fatal=False)


def _check_without_manager(settings: Settings) -> Iterator[Finding]:
    for name in (*_OF_A_MANAGER, *_NOT_MISSED):
        if getattr(settings, name) not in (settings.settings[name].default, None):
            text = "there is no manager with workers = 0; give 1 or more workers"
            yield Finding(name, text, fatal=name in _OF_A_MANAGER)


def _check_spares(settings: Settings) -> Iterator[Finding]:
    least, most, workers = settings.min_spare, settings.max_spare, settings.workers
    if most < least:
        yield Finding("max_spare", f"{most} is less than min_spare, which is {least}")
    elif workers and most > workers and "max_spare" in settings.given:
        yield Finding("max_spare", f"{most} is more than workers, which is {workers}: so many can never be idle")
    elif workers and least > workers:
        yield Finding("min_spare", f"{least} is more than workers, which is {workers}: so many can never be idle")
    start = settings.start_workers
    if start and workers and start > workers:
        yield Finding("start_workers", f"{start} is more than workers, which is {workers}")
    elif start and least <= most and not least <= start <= most:
        yield Finding("start_workers", f"{start} is not from min_spare to max_spare, which are {least} and {most}")


def _check_what_has_no_effect(settings: Settings) -> Iterator[Finding]:
    if settings.pm != "dynamic" and settings.workers:
        for name in _OF_DYNAMIC:
            if name in settings.given:
                yield Finding(name, f"it has no effect, because pm is {settings.pm} and not dynamic", fatal=False)
    if settings.pm != "ondemand" and settings.workers and "idle_timeout" in settings.given:
        yield Finding("idle_timeout", f"it has no effect, because pm is {settings.pm} and not ondemand", fatal=False)
    if settings.workers and "renew_on" in settings.given:
        yield Finding("renew_on", "it has no effect with workers; reload and restart_file are for them", fatal=False)
    if settings.max_requests_jitter and not settings.max_requests:
        yield Finding("max_requests_jitter", "it has no effect without max_requests", fatal=False)


def _check_clients(settings: Settings) -> Iterator[Finding]:
    """What is for clients that connect by HTTP themselves."""
    for name in _OF_HTTP_ALONE:
        if name in settings.given and not settings.http:
            yield Finding(name, "it has no effect without http", fatal=False)
    for name in _OF_HTTP:
        if name in settings.given and not (settings.http or settings.listen):
            yield Finding(name, "it has no effect without http or listen", fatal=False)
    if settings.keyfile is not None and settings.certfile is None:
        yield Finding("keyfile", "the certificate is missing; give certfile, too")
    if settings.proxy_protocol and not settings.forwarded_allow_ips:
        yield Finding("proxy_protocol", "nobody could connect; name the proxies with forwarded_allow_ips")
    if "forwarded" in settings.forwarded_headers and len(settings.forwarded_headers) > 1:
        yield Finding("forwarded_headers", "with forwarded no other field counts; give it alone")


def _check_times(settings: Settings) -> Iterator[Finding]:
    slow, terminate = settings.request_slowlog_timeout, settings.request_terminate_timeout
    if terminate and slow >= terminate:
        text = f"{slow:g} s are never reached, because request_terminate_timeout is {terminate:g} s"
        yield Finding("request_slowlog_timeout", text, fatal=False)


def _check_logs(settings: Settings) -> Iterator[Finding]:
    if settings.daemonize and settings.error_log == "-":
        yield Finding("daemonize", "the error log would go nowhere; give error_log a file")
    if settings.daemonize and settings.access_log == "-":
        yield Finding("access_log", 'it goes nowhere with daemonize; give a file, or "off"', fatal=False)


def _check_secret(settings: Settings) -> Iterator[Finding]:
    layer = settings.origins.get("ajp_secret")
    if layer is not None and layer.place == "flag" and not str(layer.values["ajp_secret"]).startswith("@"):
        text = "everybody on this machine sees the arguments of a process; give @/path of a file that holds it"
        yield Finding("ajp_secret", text, fatal=False)


def check_listening(pools: Sequence[tuple[str, Settings]]) -> Iterator[Clash]:
    """Find addresses that are listened on twice, and the control socket among them."""
    taken: dict[Address, str] = {}
    for _, settings in pools:
        if settings.control is not None:
            taken[_identity(f"unix:{settings.control}")] = "the control socket"
    for name, settings in pools:
        for setting, text in _addresses(settings):
            address = _identity(text)
            if address.kind == "tcp" and not address.port:
                continue  # any free one
            if address in taken:
                yield Clash(name, setting, f"{text} is listened on already, by {taken[address]}")
            taken.setdefault(address, f"{setting} of pool {name}")


def _addresses(settings: Settings) -> Iterable[tuple[str, str]]:
    return ((setting, text) for setting in LISTENERS for text in getattr(settings, setting))


def _identity(text: str) -> Address:
    """Return the address, with another spelling of the same path made equal."""
    address = parse_address(text)
    return Address("unix", path=os.path.normpath(address.path)) if address.kind == "unix" else address
