"""Programs that derive from flup's connections are served by them: against the client, and byte by byte."""

from __future__ import annotations

import socket
import threading

import pytest

from gateways.compat.fastcgi.connections import MAX_PARAMS, Connection, MultiplexedConnection
from gateways.compat.fastcgi.requests import Request
from gateways.compat.fastcgi.streams import MultiplexedInputStream
from gateways.compat.flup.server import fcgi
from gateways.compat.waiting import wait
from tests.support import wire
from tests.support.compat import TEXT, running
from tests.support.serving import PATIENCE, until


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/fail":
        raise ValueError("no")
    write = start_response("200 OK", TEXT)
    if path in ("/half", "/exit"):
        write(b"half")
        raise ValueError("no") if path == "/half" else SystemExit
    return [b"%s %s" % (path.encode("latin-1"), environ["wsgi.input"].read())]


class Mine(Connection):
    """A connection that a program has changed."""

    def _do_params(self, inrec):
        super()._do_params(inrec)


class MineMultiplexed(MultiplexedConnection):
    def _do_params(self, inrec):
        super()._do_params(inrec)


@pytest.fixture(scope="module", params=[Mine, MineMultiplexed])
def served(request):
    server = fcgi.WSGIServer(application, bindAddress=("127.0.0.1", 0), roles=(1, 3))
    server._jobClass = request.param
    with running(server) as run:
        yield run


def connect(served):
    sock = socket.create_connection(served.name)
    sock.settimeout(PATIENCE)
    return sock


def ask(served, data):
    with connect(served) as sock:
        sock.sendall(data)
        return list(wire.parse_records(wire.receive_all(sock)))


def test_it_is_not_the_engine(served):
    assert not served.server._is_for_engine()
    assert served.read("/a%20b") == b"/a b "


def test_a_body(served):
    assert served.read("/post", method="POST", body=b"x" * 200_000) == b"/post " + b"x" * 200_000


def test_one_byte_at_a_time(served):
    with connect(served) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in wire.request(wire.post(3), b"abc"):
            sock.sendall(bytes((byte,)))
        assert wire.answer(wire.parse_records(wire.receive_all(sock))).body.endswith(b" abc")


def test_a_pair_that_two_records_share(served):
    block = wire.pairs([*wire.GET, (b"X", b"y" * 300)])
    data = wire.begin() + wire.record(4, 1, block[:40]) + wire.record(4, 1, block[40:]) + wire.record(4, 1)
    assert wire.answer(ask(served, data + wire.record(5, 1))).status.startswith("200")


def test_several_requests_on_a_connection(served):
    with connect(served) as sock:
        reader = wire.RecordReader(sock)
        for _ in range(3):
            sock.sendall(wire.request(wire.GET, keep=True))
            assert reader.answer().status.startswith("200")


def test_errors(served):
    with served.get("/fail") as response:
        assert response.status == 500
    for half in (b"/half", b"/exit"):
        answer = ask(served, wire.request(wire.get((b"PATH_INFO", half))))
        assert 3 not in [record.type for record in answer], "half an answer must not end as a success"


@pytest.mark.parametrize(
    "data",
    [
        b"\1",
        wire.begin(),
        wire.begin() + wire.record(4, 1, wire.pairs(wire.GET)),
    ],
)
def test_a_peer_that_stays_silent_in_the_middle(served, monkeypatch, data):
    monkeypatch.setattr("gateways.compat.waiting.SILENCE", 0.1)
    assert ask(served, data) == []


def test_a_peer_that_stays_silent_in_the_middle_of_a_body(served, monkeypatch):
    monkeypatch.setattr("gateways.compat.waiting.SILENCE", 0.1)
    data = wire.begin() + wire.stream(4, 1, wire.pairs(wire.post(5))) + wire.record(5, 1, b"x")
    assert ask(served, data)[-1].type == 3, "the connection ends, whatever the application makes of that"


def test_a_peer_that_is_gone_when_all_is_said(request, served):
    """What cannot be written to its log any more does not keep the request in hand."""

    class Late(Request):
        def run(self):
            self.stderr.write("said")
            self.stderr.close()
            raise BrokenPipeError

    served.server.request_class = Late
    request.addfinalizer(lambda: delattr(served.server, "request_class"))
    assert [record.type for record in ask(served, wire.request(wire.GET))] == [7, 7]


def test_a_filter_that_reads_its_file_first(request, served):
    """There is more of the input before it than a connection keeps."""
    size = MultiplexedInputStream.MOST * 3
    stdin = wire.stream(5, 1, bytes(size))
    data = wire.begin(role=3) + wire.stream(4, 1, wire.pairs(wire.get())) + stdin + wire.stream(8, 1, b"file")

    def handler(req):
        req.stdout.write(b"Status: 200 OK\r\n\r\n%s %d" % (req.data.read(), len(req.stdin.read())))
        return 0, 0

    served.server.handler = handler
    request.addfinalizer(lambda: delattr(served.server, "handler"))
    assert wire.answer(ask(served, data)).body == b"file %d" % size


def test_an_abort_behind_more_than_anybody_reads(request, served, monkeypatch):
    if served.server._jobClass is Mine:
        pytest.skip("it hears of an abort when the request reads")
    monkeypatch.setattr(MultiplexedInputStream, "PATIENCE", 0.01)
    stdin = wire.stream(5, 1, bytes(MultiplexedInputStream.MOST * 2), end=False)

    def handler(req):
        until(lambda: req.aborted)
        req.stdout.write(b"Status: 200 OK\r\n\r\nheard")
        return 0, 0

    served.server.handler = handler
    request.addfinalizer(lambda: delattr(served.server, "handler"))
    data = wire.begin() + wire.stream(4, 1, wire.pairs(wire.get())) + stdin + wire.record(2, 1)
    assert wire.answer(ask(served, data)).body == b"heard"


def test_a_body_that_is_given_up_has_no_end(request, served):
    """What has come of it would be taken for the whole."""

    def handler(req):
        with pytest.raises(EOFError):
            req.stdin.read()
        req.stdout.write(b"Status: 200 OK\r\n\r\nbroken")
        return 0, 0

    served.server.handler = handler
    request.addfinalizer(lambda: delattr(served.server, "handler"))
    stdin = wire.stream(5, 1, b"half", end=False)
    data = wire.begin() + wire.stream(4, 1, wire.pairs(wire.post(8))) + stdin + wire.record(2, 1)
    assert wire.answer(ask(served, data)).body == b"broken"


def test_one_that_is_silent_between_requests_is_waited_for(served, monkeypatch):
    monkeypatch.setattr("gateways.compat.waiting.SILENCE", 0.01)
    with connect(served) as sock:
        reader = wire.RecordReader(sock)
        for _ in range(2):
            sock.sendall(wire.request(wire.GET, keep=True))
            assert reader.answer().status.startswith("200")
            assert not wait(sock, timeout=0.1)


def test_values(served):
    data = wire.record(9, 0, wire.pairs([(b"FCGI_MPXS_CONNS", b""), (b"FCGI_NONE", b"")]))
    with connect(served) as sock:
        sock.sendall(data)
        record = wire.RecordReader(sock).record()
    assert record.type == 10
    assert record.content == wire.pairs([(b"FCGI_MPXS_CONNS", b"0")])


def test_an_unknown_type(served):
    with connect(served) as sock:
        sock.sendall(wire.record(99, 0))
        record = wire.RecordReader(sock).record()
    assert (record.type, record.content[:1]) == (11, b"\x63")


def test_an_unknown_role(served):
    data = wire.begin(role=2) + wire.stream(4, 1, wire.pairs(wire.GET)) + wire.record(5, 1)
    assert [record.content[4] for record in ask(served, data) if record.type == 3] == [3]


def test_an_abort_is_answered(served):
    data = wire.begin() + wire.record(4, 1, wire.pairs(wire.GET)) + wire.record(2, 1)
    assert [record.type for record in ask(served, data)] == [3]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        wire.record(1, 1, b"short"),
        wire.begin() + wire.record(4, 1, b"\x05\x05ab") + wire.record(4, 1),
    ],
)
def test_what_is_no_fastcgi_ends_the_connection(served, data):
    assert ask(served, data) == []
    assert served.read("/on") == b"/on "


def test_too_many_parameters_end_the_connection(served):
    piece = wire.record(4, 1, b"x" * 65535)
    with connect(served) as sock:
        try:
            sock.sendall(wire.begin() + piece * (MAX_PARAMS // 65535 + 2))
            assert wire.receive_all(sock) == b""
        except OSError:
            pass  # reset, which is as good


def test_requests_side_by_side():
    both = threading.Barrier(2)

    def meet(environ, start_response):
        both.wait(PATIENCE)
        start_response("200 OK", TEXT)
        return [environ["PATH_INFO"].encode()]

    server = fcgi.WSGIServer(meet, bindAddress=("127.0.0.1", 0), multiplexed=True)
    server._jobClass = MineMultiplexed
    with running(server) as run, connect(run) as sock:
        for number in (1, 2):
            path = (b"PATH_INFO", b"/%d" % number)
            params = wire.stream(4, number, wire.pairs(wire.get(path)))
            sock.sendall(wire.begin(number) + params + wire.record(5, number))
        records = list(wire.parse_records(wire.receive_all(sock)))
    answers = [wire.answer([record for record in records if record.id == number], number) for number in (1, 2)]
    assert [answer.body for answer in answers] == [b"/1", b"/2"]


def test_one_that_cannot_be_served_beside_another(served):
    if served.server._jobClass is MineMultiplexed:
        pytest.skip("it can")
    with connect(served) as sock:
        sock.sendall(wire.begin(1, keep=True) + wire.begin(2, keep=True))
        record = wire.RecordReader(sock).record()
    assert (record.type, record.id, record.content[4]) == (3, 2, 1)
