"""Talks to a backend as a web server would, and says what its answer means."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from gateways.adapters.foreign import hint_for
from gateways.addresses import Address
from gateways.client import Client, Response
from gateways.doctor.findings import ERROR, OK, WARNING, Finding, declare, quoted
from gateways.doctor.speaking import names, spoken
from gateways.doctor.targets import LONGEST, Options
from gateways.errors import BackendTimeout, ConnectError, GatewayError, ProtocolError

STALE = declare(
    "socket-stale", ERROR, "The socket file is there and nobody listens at it: its process has ended (nginx: 502)."
)
CLOSED = declare("port-closed", ERROR, "Nothing listens at the port: the application does not run, or at another port.")
UNREACHABLE = declare("address-unreachable", ERROR, "The address cannot be connected to, for the reason that is given.")
FULL = declare(
    "backend-full", ERROR, "So many connections wait already that no more are taken: all workers are busy or stuck."
)
SILENT = declare(
    "backend-silent", ERROR,
    "Connections are taken, and in no protocol comes an answer: all workers are busy or stuck, or none is left.",
)  # fmt: skip
OTHER = declare(
    "protocol-other",
    ERROR,
    "The address speaks another protocol than it is spoken to (nginx: 502, Apache: 500, 503).",
)
UNKNOWN = declare("protocol-unknown", ERROR, "What listens there speaks none of the protocols of web servers.")
BROKEN = declare(
    "backend-broken", ERROR, "The answer is not what the protocol allows; web servers make it a 502 or 500."
)
FAILS = declare("backend-500", ERROR, "The application itself ends with an error, whatever web server is before it.")
REFUSES = declare("backend-503", ERROR, "The backend answers 503: it is overloaded, closed, or has no application.")
ENDED = declare("backend-app-status", WARNING, "The application ended with an exit status that is not 0.")
ANSWERS = declare("backend-answers", OK, "The backend answered a request for `/`.")

#: Seconds for each of the protocols that are tried: who has an answer has it at once, and there are five.
_TRIAL = 3.0
#: Bytes of a page that are enough.
_PAGE = 65536


def ask(address: Address, options: Options, where: str = "") -> Iterator[Finding]:
    """Connect to ``address``, find out what it speaks if ``options.protocol`` does not say it, and send GET /."""
    place = where or str(address)
    protocol = options.protocol or protocol_of(address, options, place)
    if isinstance(protocol, Finding):
        yield protocol
    else:
        yield from _request(protocol, address, options, place)


def protocol_of(address: Address, options: Options, where: str, likely: str | None = None) -> str | Finding:
    """Return what is spoken at ``address``, or why that cannot be told. ``likely`` is tried first."""
    timeout = min(options.timeout, _TRIAL)
    try:
        found = spoken(address, timeout, likely)
    except ConnectError as error:
        return _unreachable(address, error, where, likely)
    except BackendTimeout:
        return silent(address, timeout, where)
    if found is None:
        remedy = "give the address of the application"
        if not likely:
            remedy += "; or say what it speaks: --fastcgi ADDR, --scgi ADDR, ..."
        return UNKNOWN.found(where, f"what listens at {address} speaks none of the known protocols", remedy)
    return found


def _request(protocol: str, address: Address, options: Options, where: str) -> Iterator[Finding]:
    client = Client(
        protocol,
        str(address),
        timeout=options.timeout,
        keep=False,
        secret=options.secret,
        limit=LONGEST * options.timeout,
    )
    try:
        with client.request("GET", "/") as response:
            beginning(response)
            yield from _judge(protocol, response, where)
    except ConnectError as error:
        yield _unreachable(address, error, where, protocol)
    except BackendTimeout:
        found = _found(protocol, address, options)
        if found == protocol:
            what = f"{address} answers in {names(protocol)}, and GET / has no answer for {options.timeout:g} s"
            yield SILENT.found(where, what, "see what that page does: gateways status, slow_log")
        elif found:
            yield wrong_protocol(protocol, found, address, where)
        else:
            yield silent(address, options.timeout, where)
    except ProtocolError as error:
        found = _found(protocol, address, options)
        if found and found != protocol:
            yield wrong_protocol(protocol, found, address, where)
        else:
            yield BROKEN.found(where, str(error), "look into the log of the application: it broke off its answer")


def beginning(response: Response) -> None:
    """Read a page as far as it says whether it comes: not all of a long one, nor of a stream of events."""
    length = 0
    stream = (response.header("Content-Type") or "").startswith("text/event-stream")
    try:
        for block in response.iter_body():
            length += len(block)
            if stream or length >= _PAGE:
                break
    except BackendTimeout:
        if not length and not stream:
            raise


def _judge(protocol: str, response: Response, where: str) -> Iterator[Finding]:
    said = _last_line(response.stderr)
    answer = f"it answered GET / by {names(protocol)} with {response.status} {response.reason}".rstrip()
    if response.status in (500, 502, 504):
        reason = f", and wrote {quoted(said)}" if said else ""
        yield FAILS.found(where, f"{answer}{reason}", "the application's log has the traceback")
    elif response.status == 503:
        remedy = "look into the application's log, and at the number of its workers (gateways status)"
        yield REFUSES.found(where, answer, remedy)
    else:
        yield ANSWERS.found(where, answer)
    if response.app_status:
        yield ENDED.found(
            where, f"the application ended with the status {response.app_status}", "the application's log says why"
        )


def _found(protocol: str, address: Address, options: Options) -> str | None:
    """Return the protocol that is spoken there, as far as anybody answers."""
    try:
        return spoken(address, min(options.timeout, _TRIAL), protocol)
    except GatewayError:
        return None


def wrong_protocol(asked: str, found: str, address: Address, where: str) -> Finding:
    """Return that ``address`` was to be spoken to in one protocol and speaks another."""
    what = f"{address} speaks {names(found)}, not {names(asked)}"
    speak = f"make the web server speak {names(found)} ({hint_for(names(found))})"
    return OTHER.found(where, what, f"{speak}, or gateways serve --{asked} {address}")


def _unreachable(address: Address, error: ConnectError, where: str, protocol: str | None) -> Finding:
    number = getattr(error.__context__, "errno", None)  # what the system said
    reason = str(error).partition(": ")[2]
    cause, _, remedy = reason.partition("; ")
    if number == errno.ECONNREFUSED and address.kind == "unix":
        text = f"the socket file {address.path} is there, and nobody listens at it"
        return STALE.found(where, text, "start the application again; it replaces the file by itself")
    if number == errno.ECONNREFUSED:
        text, protocol = f"nothing listens at {address}", protocol or "fastcgi"
        return CLOSED.found(
            where, text, f"start the application: gateways serve app:application --{protocol} {address}"
        )
    if number == errno.EAGAIN:
        text = f"{address} takes no more connections: its queue is full"
        return FULL.found(where, text, _BUSY)
    return UNREACHABLE.found(where, f"{address}: {cause}", remedy)


_BUSY = "see what the workers do (gateways status, slow_log), then restart it or give it more workers and threads"


def silent(address: Address, timeout: float, where: str) -> Finding:
    """Return that ``address`` takes connections and says nothing."""
    what = f"{address} takes connections and answers nothing for {timeout:g} s: its workers are busy, stuck or gone"
    return SILENT.found(where, what, _BUSY)


def _last_line(data: bytes) -> bytes:
    lines = [line for line in data.splitlines() if line.strip()]
    return lines[-1].strip() if lines else b""
