"""The process that stays: it begins anew when something has changed, and ends when nobody needs it."""

from __future__ import annotations

import os
import resource
import signal
import socket

import pytest

from gateways.errors import ConfigError
from gateways.resident import process
from tests.support import requirements
from tests.support.processes import NOBODY, as_nobody
from tests.support.resident import BEGIN, SCRIPT, Host
from tests.support.serving import until

NAMED = BEGIN + "run('app:application')\n"
MODULE = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"%s"]
"""


def test_a_script_that_has_changed(host: Host) -> None:
    """The same process begins anew; the socket stays where it is."""
    host.install()
    pid = host.get("/pid")
    host.install(SCRIPT.replace('"/count": str(len(SEEN))', '"/count": "new"'))
    until(lambda: host.get("/count") == "new")
    assert host.get("/pid") == pid
    assert len(host.sockets()) == 1


def test_a_module_that_has_changed(one_host: Host) -> None:
    (one_host.scripts / "app.py").write_text(MODULE % "one")
    one_host.install(NAMED)
    assert one_host.get() == "one"
    (one_host.scripts / "app.py").write_text(MODULE % "two, longer")
    until(lambda: one_host.get() == "two, longer")


def test_the_restart_file(one_host: Host) -> None:
    one_host.install()
    assert [one_host.get("/count") for _ in range(2)] == ["1", "2"]
    (one_host.scripts / "restart.txt").touch()
    until(lambda: "restart.txt has changed" in one_host.log)
    until(lambda: one_host.log.count("serving fastcgi") == 2)


def test_it_ends_when_it_is_idle(host: Host) -> None:
    host.install(comment="# gateways: idle-timeout=0.2")
    pid = int(host.get("/pid"))
    host.until_ended(pid)
    assert host.sockets() == []
    assert "no request for 0.2 s (idle_timeout); ending" in host.log
    assert sorted(path.suffix for path in host.place.iterdir() if path.name != "lock") == [".log"]
    assert host.get("/pid") != str(pid)


LOOKING = """
from gateways.resident.process import ResidentServer
looks = []
def counted(self, look=ResidentServer._look_after_itself):
    looks.append(self)
    return look(self)
ResidentServer._look_after_itself = counted

def application(environ, start_response):
    begun, count = time.monotonic(), len(looks)
    while len(looks) < count + 5 or time.monotonic() < begun + 0.2:
        time.sleep(0.005)
    start_response("200 OK", [])
    return [str(looks[-1].stopping).encode()]

run_with_cgi(application)
"""


def test_a_request_in_hand_is_no_idleness(one_host: Host) -> None:
    """The request ends when it was looked at several times, and far too late if it counted as none."""
    one_host.install(BEGIN + LOOKING, comment="# gateways: idle-timeout=0.1")
    assert one_host.get() == "False"


def test_requests_that_come_while_it_ends(host: Host) -> None:
    """None is lost: who came before is served, and who comes later starts another process."""
    host.install(comment="# gateways: idle-timeout=0.1")
    for _ in range(8):
        answer = host.ask("/pid")
        assert answer.status == "200 OK", (answer.output, answer.log)


def test_several_requests_at_once(host: Host) -> None:
    host.install(comment="# gateways: threads=3")
    with host.in_hand(2) as answers:
        assert host.get("/count") == "3"
    assert [answer.status for answer in answers] == ["200 OK"] * 2


def test_what_greenlets_print_belongs_to_their_requests(one_host: Host) -> None:
    requirements.require_module("gevent")
    patched = f"from gevent import monkey; monkey.patch_all()\n{SCRIPT}"
    one_host.install(patched, comment="# gateways: worker=gevent")
    with one_host.in_hand() as answers:
        assert one_host.ask("/print").log == "printed on stdout\nprinted on stderr\n"
    assert [answer.log for answer in answers] == ["it may go\n"]


def test_what_knows_its_length_tells_it(one_host: Host) -> None:
    """The result of the application is the server's to look at, as in plain CGI."""
    sized = "class Sized:\n    __len__ = lambda self: 1\n    __iter__ = lambda self: iter([b'five!'])\n"
    one_host.install(SCRIPT.replace("return [body]", "return Sized()").replace("SEEN = []", f"SEEN = []\n{sized}"))
    assert one_host.ask().headers["Content-Length"] == "5"


def test_it_is_told_to_stop_with_a_request_in_hand(host: Host) -> None:
    host.install()
    pid = int(host.get("/pid"))
    with host.in_hand() as answers:
        os.kill(pid, signal.SIGTERM)
        until(lambda: host.sockets() == [])
        assert host.get("/pid") != str(pid)  # another takes the new ones meanwhile
    assert [answer.status for answer in answers] == ["200 OK"]
    host.until_ended(pid)


def test_it_ends_when_its_socket_is_gone(one_host: Host) -> None:
    """Nobody can come any more."""
    one_host.install()
    pid = int(one_host.get("/pid"))
    for name in one_host.sockets():
        (one_host.place / name).unlink()
    one_host.until_ended(pid)
    assert "is not there any more; ending" in one_host.log


def test_it_ends_before_the_system_kills_it_for_its_processor_time(one_host: Host) -> None:
    """At a share of what it may use; here at the first look."""
    share = "import gateways.resident.process\ngateways.resident.process._SHARE = 0\n"
    one_host.install(f"{BEGIN}import resource\nresource.setrlimit(resource.RLIMIT_CPU, (60, 60))\n{share}{SCRIPT}")
    one_host.until_ended(int(one_host.get("/pid")))
    assert "s of processor time used, and 60 s are allowed; ending" in one_host.log


def test_the_limit_of_processor_time_for_one_request_is_lifted(one_host: Host) -> None:
    one_host.install(SCRIPT.replace('"/count": str(len(SEEN))', '"/count": str(__import__("resource").getrlimit(0))'))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (40, 50))

    assert one_host.ask("/count", preexec_fn=limit).body == b"(50, 50)"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to connect as")
def test_a_stranger_is_not_served() -> None:
    """The directory keeps them out already; this is for one whose mode somebody has changed."""
    name = f"\0gateways-{os.getpid()}"
    with process.OwnSocket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()

        def connect() -> bytes:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(name)
            return b""

        connect()
        listener.accept()[0].close()
        as_nobody(connect)
        with pytest.raises(PermissionError, match=f"user {NOBODY} may not connect"):
            listener.accept()


def test_workers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/nowhere/app.cgi"])
    with pytest.raises(ConfigError, match="keyword workers: a resident process is one; set threads"):
        process.resident_settings({"workers": 2})


def refusal(**keywords: str) -> str:
    with pytest.raises(ConfigError) as caught:
        process.resident_settings(keywords)
    return str(caught.value)


@pytest.mark.parametrize("name", ["user", "group"])
def test_another_user_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting that is another one is named, whoever runs the script."""
    monkeypatch.setattr("sys.argv", ["/nowhere/app.cgi"])
    monkeypatch.delenv("GATEWAYS_USER", raising=False)
    own = {"user": str(os.geteuid()), "group": str(os.getegid())}
    said = f"keyword {name}: a resident process serves as the user who runs the CGI"
    assert said in refusal(**{name: "4242"})
    assert said in refusal(**{**own, name: "4242"})
    assert process.resident_settings(own).group == own["group"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_is_refused_to_one_who_is_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not told to start as root, which would be refused as well."""
    monkeypatch.setattr("sys.argv", ["/nowhere/app.cgi"])
    monkeypatch.delenv("GATEWAYS_USER")
    said = as_nobody(lambda: refusal(user="root"))
    assert "keyword user: a resident process serves as the user who runs the CGI script" in said


def test_a_comment_that_nobody_reads_is_refused(one_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    script = one_host.install(comment="# gateways: resident-dir=/elsewhere")
    monkeypatch.setattr("sys.argv", [str(script)])
    with pytest.raises(ConfigError, match="setting resident_dir is not known"):
        process.resident_settings({})


def test_what_wins_of_the_settings(one_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    script = one_host.install(comment="# gateways: threads=2 max-requests=9 body-timeout=3 resident_max=7")
    monkeypatch.setattr("sys.argv", [str(script)])
    monkeypatch.setenv("GATEWAYS_THREADS", "3")
    monkeypatch.setenv("GATEWAYS_MAX_REQUESTS", "10")
    settings = process.resident_settings({"threads": 4})
    assert (settings.threads, settings.max_requests, settings.body_timeout) == (4, 10, 3.0)
    assert settings.fastcgi == ("fd:0",)
