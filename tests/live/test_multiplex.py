"""HAProxy with several requests at a time on one FastCGI connection: they are on the wire, and all are answered."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.live.guards import MULTIPLEXED
from tests.live.sandbox import PROJECT, Sandbox, changed, free_port
from tests.live.servers import SERVICE_ENVIRONMENT, Process, start_backend
from tests.support import requirements, wire
from tests.support.serving import PATIENCE, until

pytestmark = pytest.mark.live

THREADS = 8
"""And as many requests on one connection, as the file says."""


class Recorder:
    """Stands between HAProxy and the backend, passes everything on, and keeps the records of both directions."""

    def __init__(self, backend: tuple[str, int]) -> None:
        self._backend = backend
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        #: For each connection, the types and ids of its records in the order in which they were complete here.
        self.connections: list[list[tuple[str, int, int]]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                front, _ = self._listener.accept()
            except OSError:
                return
            back = socket.create_connection(self._backend)
            records: list[tuple[str, int, int]] = []
            self.connections.append(records)
            left = [2]
            lock = threading.Lock()
            for name, source, target in (("ask", front, back), ("answer", back, front)):
                threading.Thread(
                    target=self._pass, args=(name, source, target, records, left, lock), daemon=True
                ).start()

    @staticmethod
    def _pass(
        name: str,
        source: socket.socket,
        target: socket.socket,
        records: list[tuple[str, int, int]],
        left: list[int],
        lock: threading.Lock,
    ) -> None:
        reader = wire.RecordReader(source)
        try:
            while True:
                record = reader.record()
                records.append((name, record.type, record.id))
                target.sendall(wire.record(record.type, record.id, record.content, len(record.padding)))
        except (EOFError, OSError):
            pass
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        with lock:
            left[0] -= 1
            if not left[0]:
                source.close()
                target.close()


class Front:
    """HAProxy with the file of conf/, the backend, and what goes between them."""

    def __init__(self, sandbox: Sandbox, name: str, most: int, changes: Mapping[str, str]) -> None:
        program = requirements.require_program("haproxy")
        self.sandbox = sandbox
        self._stack = ExitStack()
        address = ("127.0.0.1", free_port())
        arguments = ["--fastcgi", f"127.0.0.1:{address[1]}", "--fcgi-multiplex", str(most), "--threads", str(THREADS)]
        self.backend_log = sandbox.logs / f"{name}.backend.log"
        self._stack.callback(start_backend(sandbox, arguments, address, self.backend_log).stop)
        self.recorder = Recorder(address)
        self._stack.callback(self.recorder.close)
        port = free_port()
        replace = {
            "127.0.0.1:9000 proto": f"127.0.0.1:{self.recorder.port} proto",
            "bind :80": f"bind 127.0.0.1:{port}",
            # It is started as the account, and one thread of it has one connection to share.
            "    user haproxy\n    group haproxy\n    chroot /var/lib/haproxy\n": "    nbthread 1\n",
            "log /dev/log local0": "log stderr format raw local0",
            "/srv/example": str(sandbox.srv),
        }
        text = changed((PROJECT / "conf" / MULTIPLEXED).read_text(), {**replace, **changes})
        log = sandbox.logs / f"{name}.haproxy.log"
        log.touch()
        sandbox.own(log)
        command = [program, "-db", "-f", sandbox.adapt(f"{name}.cfg", text, {})]
        process = Process(command, log=log, account=sandbox.account, env=SERVICE_ENVIRONMENT)
        self._stack.callback(process.stop)
        self.address = ("127.0.0.1", port)
        process.wait_for(self.address)
        self.url = f"http://127.0.0.1:{port}"

    def close(self) -> None:
        """Stop all of it."""
        self._stack.close()

    def request(self, method: str, path: str, data: bytes | None = None, **kwargs: Any) -> requests.Response:
        """Send a request on a connection of its own."""
        headers = {"X-Application": "probe"}
        return requests.request(method, f"{self.url}{path}", data=data, headers=headers, timeout=PATIENCE, **kwargs)

    def hold(self, pool: ThreadPoolExecutor, release: Path) -> Future[requests.Response]:
        """Have a request wait in the application for the file ``release``."""
        started = self.sandbox.signal("started")
        future = pool.submit(self.request, "GET", f"/do/hold?started={started}&file={release}")
        until(started.exists)
        return future

    def most_at_once(self) -> int:
        """How many requests were in hand on one connection at the same time."""
        most = 0
        for records in self.recorder.connections:
            open_ids: set[int] = set()
            for name, type, id in list(records):
                if name == "ask" and type == wire.BEGIN:
                    open_ids.add(id)
                    most = max(most, len(open_ids))
                elif name == "answer" and type == wire.END:
                    open_ids.discard(id)
        return most


@pytest.fixture(scope="module")
def front(machine: Sandbox) -> Iterator[Front]:
    running = Front(machine, "multiplexed", THREADS, {})
    yield running
    running.close()


def test_F33_requests_share_a_connection_and_are_answered_in_any_order(front: Front) -> None:
    release = front.sandbox.signal("release")
    with ThreadPoolExecutor(THREADS) as pool:
        held = [front.hold(pool, release) for _ in range(5)]
        try:
            assert len(front.recorder.connections) == 1
            assert front.most_at_once() >= 5
            # These come later and go first.
            assert front.request("GET", "/a?x=1").json()["environ"]["QUERY_STRING"] == "x=1"
            assert front.request("POST", "/b", b"hello").json()["body"]["length"] == 5
        finally:
            release.touch()
        assert [future.result().text for future in held] == ["released\n"] * 5
    assert front.most_at_once() >= 6
    ids = {id for _, type, id in front.recorder.connections[0] if type == wire.BEGIN}
    assert len(ids) >= 7, "each had one of its own"


def test_the_application_sees_what_it_sees_by_the_usual_file(front: Front) -> None:
    environ = front.request("GET", "/a", auth=("alice", "secret")).json()["environ"]
    assert environ["HTTP_AUTHORIZATION"] == "Basic YWxpY2U6c2VjcmV0"
    assert (environ["SERVER_ADDR"], environ["REQUEST_SCHEME"]) == ("127.0.0.1", "http")
    assert "REMOTE_USER" not in environ


def test_F33_uploads_side_by_side_are_not_mixed(front: Front) -> None:
    bodies = [bytes([number]) * (number * 3000 + 1) for number in range(24)]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda body: front.request("POST", f"/{len(body)}", body).json(), bodies))
    for body, answer in zip(bodies, answers):
        assert answer["environ"]["PATH_INFO"] == f"/{len(body)}"
        assert answer["body"] == {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_a_client_that_leaves_is_no_matter_to_the_others(front: Front) -> None:
    """HAProxy 2.6 does not send ABORT_REQUEST here: the request goes on to its end, and nobody gets the answer."""
    release = front.sandbox.signal("release")
    started = front.sandbox.signal("started")
    with ThreadPoolExecutor(2) as pool:
        held = front.hold(pool, release)
        try:
            with socket.create_connection(front.address, PATIENCE) as leaves:
                head = (
                    f"GET /do/hold?started={started}&file={release} HTTP/1.1\r\nHost: a\r\nX-Application: probe\r\n\r\n"
                )
                leaves.sendall(head.encode())
                until(started.exists)
            assert front.request("GET", "/a").status_code == 200
        finally:
            release.touch()
        assert held.result().text == "released\n"
    assert front.request("GET", "/a").status_code == 200


def test_a_response_that_breaks_off_does_not_look_complete_and_the_others_are_answered(front: Front) -> None:
    release = front.sandbox.signal("release")
    with ThreadPoolExecutor(2) as pool:
        held = front.hold(pool, release)
        broken = pool.submit(front.request, "GET", "/do/error-late")
        until(lambda: "probe fails late" in front.backend_log.read_text())
        release.touch()
        assert held.result().text == "released\n"
        with pytest.raises(requests.exceptions.RequestException):
            broken.result()
    assert front.request("GET", "/a").status_code == 200


def test_F50_more_than_may_be_are_answered_503(machine: Sandbox) -> None:
    """HAProxy is told that more would do."""
    front = Front(machine, "overloaded", 2, {"option max-reqs 8": "option max-reqs 100"})
    release = machine.signal("release")
    try:
        with ThreadPoolExecutor(2) as pool:
            held = [front.hold(pool, release) for _ in range(2)]
            try:
                assert front.request("GET", "/more").status_code == 503
            finally:
                release.touch()
            assert [future.result().text for future in held] == ["released\n"] * 2
        assert front.request("GET", "/more").status_code == 200
    finally:
        front.close()
