from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from gateways.compat.alarms import TimeoutException
from gateways.compat.conversations import Logged, LoggedConnection, LoggedRequest, ProtocolError
from gateways.errors import ClientDisconnected


class Connection(LoggedConnection):
    logger_name = "gateways-test-conversation"
    fault: BaseException

    def processInput(self):
        raise self.fault


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (EOFError(), ""),
        (KeyboardInterrupt(), ""),
        (ProtocolError("five legs"), "Protocol error 'five legs'"),
        (ValueError("no"), "Exception caught in Connection"),
        (SystemExit(), "Exception caught in Connection"),
    ],
)
def test_whatever_happens_the_connection_is_closed(caplog, fault, said):
    ours, theirs = socket.socketpair()
    with theirs:
        connection = Connection(ours, "", None, None)
        connection.fault = fault
        connection.run()
        assert theirs.recv(1) == b""
    assert said in caplog.text
    assert bool(caplog.text) == bool(said)


class Request(LoggedRequest):
    def __init__(self, fault, begun):
        super().__init__()
        self._conn = SimpleNamespace(server=self)
        self.environ = {}
        self.fault = fault
        self.begun = begun
        self.calls = []

    def handler(self, request):
        if self.fault is not None:
            raise self.fault

    def error(self, request):
        self.calls.append("error")

    def _has_begun(self):
        return self.begun

    def _end(self):
        self.calls.append("end")


@pytest.mark.parametrize(
    ("fault", "calls"), [(None, ["end"]), (ValueError(), ["error", "end"]), (SystemExit(), ["error", "end"])]
)
def test_error_answers_where_nothing_has_left(fault, calls):
    request = Request(fault, False)
    request.run()
    assert request.calls == calls


@pytest.mark.parametrize(
    ("fault", "begun"), [(ValueError("no"), True), (SystemExit(), True), (ClientDisconnected(), False)]
)
def test_what_cannot_be_answered_any_more_is_raised(fault, begun):
    request = Request(fault, begun)
    with pytest.raises(type(fault)):
        request.run()
    assert not request.calls


def test_what_the_log_says_is_one_line(caplog):
    caplog.set_level("DEBUG")
    request = Request(None, False)
    request.environ = {"REQUEST_METHOD": "GET\n", "PATH_INFO": "/\x1b"}
    request.run()
    [record] = caplog.records
    assert record.getMessage().startswith("GET\\n /\\x1b done (")


def test_a_time_that_is_over(caplog):
    with pytest.raises(TimeoutException):
        Logged().timeout_handler(0, None)
    assert "Timeout Exceeded" in caplog.text
