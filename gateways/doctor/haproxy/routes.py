"""The way of a request through HAProxy's sections: names that are not there, the first line that fits."""

from __future__ import annotations

from collections.abc import Iterator

from gateways.declared import nearest
from gateways.doctor import faults
from gateways.doctor.findings import ERROR, WARNING, Finding, declare
from gateways.doctor.haproxy.conditions import PathTest, alternatives, path_tests, unknown_names
from gateways.doctor.haproxy.places import Place, mode
from gateways.doctor.haproxy.syntax import PROXIES, Configuration, Line, Section

NAME = declare(
    "name-absent",
    ERROR,
    "The file names a backend, an application, defaults or an ACL that it does not have: HAProxy does not start.",
)
ROUTE = declare(
    "route-absent", WARNING,
    "Nothing leads from where clients connect to a server of the backend: HAProxy answers 503, or nobody comes.",
)  # fmt: skip

TLS = declare("tls-absent", WARNING, "Clients come by https, and HAProxy speaks plain HTTP at that port: 400.")

#: Lines whose conditions are about ACLs of their own section.
_RULES = (
    *("use_backend", "use-server", "http-request", "http-response", "http-after-response", "tcp-request", "redirect"),
    *("set-param", "pass-header"),
)
#: What answers a request without a backend; with a condition, those that refuse leave others.
_ANSWERS = ("return", "redirect", "use-service")
_REFUSALS = ("deny", "tarpit", "reject", "silent-drop")


def examine(configuration: Configuration, found: list[Place]) -> Iterator[Finding]:
    """Yield what is wrong with the way from frontends to backends."""
    for section in configuration.sections:
        yield from _examine_names(section, configuration)
    lost = False
    for frontend in configuration.all("frontend", "listen"):
        yield from _examine_order(frontend)
        for finding in _examine_frontend(frontend, configuration):
            lost = lost or finding.code == ROUTE.name
            yield finding
    for place in () if lost else found:  # what nothing leads to, they should
        yield from _examine_backend(place, configuration)


def _examine_names(section: Section, configuration: Configuration) -> Iterator[Finding]:
    if section.kind in PROXIES:
        wanted: list[tuple[Line, str, tuple[str, ...]]] = []
        for line in section.all("use_backend", "default_backend"):
            if not _is_dynamic(line):
                wanted.append((line, line.word(1), ("backend", "listen")))
        wanted += [(line, line.word(1), ("fcgi-app",)) for line in section.all("use-fcgi-app")]
        if section.head.word(2) == "from":
            wanted.append((section.head, section.head.word(3), ("defaults",)))
        for line, name, kinds in wanted:
            if line.asked and name and configuration.named(name, *kinds) is None:
                near = nearest(name, [other.name for other in configuration.all(*kinds)])
                remedy = f"{line.text.replace(name, near)}" if near else f"add a section: {kinds[0]} {name}"
                severity = "" if configuration.whole else WARNING
                yield NAME.found(line.where, f"there is no {kinds[0]} {name}", remedy, severity=severity)
    for line in section.all(*_RULES):
        for name in unknown_names(line, section) if line.asked else ():
            near = nearest(name, [acl.word(1) for acl in section.all("acl")])
            hint = "put spaces behind { and before }" if name[0] in "{(" else f"write {near}" if near else ""
            remedy = hint or f"add a line: acl {name} ..."
            yield NAME.found(line.where, f"there is no acl {name} in this {section.kind}", remedy)


def _is_dynamic(line: Line) -> bool:
    """Say whether the name in a line is made of a request, or of the environment that HAProxy starts in."""
    return "%[" in line.word(1) or "$" in line.word(1)


def _examine_order(frontend: Section) -> Iterator[Finding]:
    before: list[tuple[Line, list[PathTest] | None]] = []
    for line in frontend.all("use_backend"):
        sides = _sides(line, frontend)
        for earlier, wide in before if line.asked else ():
            if earlier.word(1) != line.word(1) and (wide is None or (sides and _covered(sides, wide))):
                number = earlier.where.rpartition(":")[2]
                what = f"{earlier.text} (line {number}) takes all that this one is for, so this one takes nothing"
                yield faults.ORDER.found(line.where, what, "put this line before that one")
                break
        if not line.condition:
            before.append((line, None))
        elif wide_tests := _wide(line, frontend):
            before.append((line, wide_tests))


def _sides(line: Line, section: Section) -> list[list[PathTest]]:
    """Return what each side of a condition says of the path; [] where one of them says nothing."""
    if not line.condition or line.condition[0] != "if":
        return []
    sides = [
        [test for term in side for test in path_tests(term, section) or ()] for side in alternatives(line.condition)
    ]
    return sides if all(sides) else []


def _wide(line: Line, section: Section) -> list[PathTest]:
    """Return the beginnings of paths that a line takes whatever else the request is."""
    if line.condition[0] != "if":
        return []
    alone = [side[0] for side in alternatives(line.condition) if len(side) == 1]
    return [test for term in alone for test in path_tests(term, section) or () if test.kind == "beg"]


def _covered(sides: list[list[PathTest]], wide: list[PathTest]) -> bool:
    beginnings = tuple(value for test in wide for value in test.values)
    return all(value.startswith(beginnings) for tests in sides for test in tests for value in test.values)


def _examine_frontend(frontend: Section, configuration: Configuration) -> Iterator[Finding]:
    if not frontend.head.asked:
        return
    target = frontend.setting("default_backend")
    used = list(frontend.all("use_backend"))
    answers = frontend.inherited("http-request", "redirect", "stats", "monitor-uri")
    answering = any(
        line.name != "http-request" or line.word(1) in _ANSWERS or (line.word(1) in _REFUSALS and not line.condition)
        for line in answers
    )
    has_servers = any(frontend.all("server", "server-template", "dispatch")) or frontend.setting(
        "option", "transparent"
    )
    if target is None and not used and not answering and not has_servers:
        what = f"{frontend.kind} {frontend.name} hands nothing on: every request is answered 503"
        yield ROUTE.found(frontend.head.where, what, "default_backend NAME", severity=ERROR)
    if frontend.kind == "frontend" and not any(frontend.all("bind")) and ":" not in frontend.head.word(2):
        yield ROUTE.found(frontend.head.where, f"frontend {frontend.name} listens nowhere", "bind :80")
    for bind in frontend.all("bind") if mode(frontend) == "http" else ():
        if bind.asked and bind.word(1).endswith(":443") and not {"ssl", "accept-proxy"} & {*bind.words}:
            more = bind.words[2:] if "crt" in bind.words else ("crt", "/etc/haproxy/site.pem", *bind.words[2:])
            what = "port 443 is bound without ssl, so that HAProxy expects plain HTTP there"
            yield TLS.found(bind.where, what, " ".join(["bind", bind.word(1), "ssl", *more]))
    for line in [*used, *filter(None, [target])]:
        backend = configuration.named(line.word(1), "backend", "listen")
        if backend is not None and line.asked and mode(frontend) == "http" and mode(backend) == "tcp":
            what = f"{frontend.name} is in mode http, and {backend.name} in mode tcp: HAProxy does not start with that"
            yield faults.SYNTAX.found(line.where, what, f"mode http in backend {backend.name}, or in defaults")
    for line in used if mode(frontend) == "http" else ():
        for side in alternatives(line.condition) if line.asked else ():
            tests = path_tests(side[0], frontend) if len(side) == 1 else None
            for value in [value for test in tests or () if test.kind == "beg" for value in test.values]:
                if len(value) > 1 and not value.endswith("/"):
                    remedy = f"{{ path {value} }} or {{ path_beg {value}/ }}"
                    yield faults.WIDE.found(line.where, f"path_beg {value} takes {value}le as well", remedy)


def _examine_backend(place: Place, configuration: Configuration) -> Iterator[Finding]:
    section = place.section
    if section.kind != "backend" or not section.head.asked:
        return
    dynamic = any(_is_dynamic(line) for front in configuration.all("frontend", "listen")
                  for line in front.inherited("use_backend", "default_backend"))  # fmt: skip
    if not place.leads and not dynamic and configuration.whole:
        what = f"no frontend hands anything to backend {section.name}"
        yield ROUTE.found(section.head.where, what, f"in a frontend: default_backend {section.name}")
    others = (*section.all("server-template", "dispatch", "redirect", "http-request", "stats"), section.setting("mode"))
    if place.leads and not place.servers and others == (section.setting("mode"),):
        what = f"backend {section.name} has no server: every request is answered 503"
        yield ROUTE.found(section.head.where, what, "server app 127.0.0.1:9000 proto fcgi", severity=ERROR)
