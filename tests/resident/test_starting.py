"""Starting the process that stays: one, wherever it can be kept safely, and plain CGI where it cannot."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateways.resident import place, starting
from tests.support import cgi
from tests.support.processes import is_running
from tests.support.resident import BEGIN, SCRIPT, Host, answer_of
from tests.support.serving import until

#: Says whether it is served by a process that stays.
WHERE = SCRIPT.replace('"/count": str(len(SEEN))', '"/where": str(environ["wsgi.run_once"])')


def where(answer: cgi.Answer) -> str:
    assert answer.status == "200 OK", (answer.output, answer.log)
    return {b"True": "plain CGI", b"False": "resident"}[answer.body]


def test_twenty_requests_at_once_start_one_process(host: Host) -> None:
    host.install()
    with ExitStack() as stack:
        begun = [stack.enter_context(host.start("/pid")) for _ in range(20)]
        answers = [answer_of(process) for process in begun]
    assert {answer.log for answer in answers} == {""}
    assert len({answer.body for answer in answers}) == 1
    assert len(host.sockets()) == 1
    assert host.log.count("serving fastcgi") == 1


def test_each_script_has_a_process_of_its_own(one_host: Host) -> None:
    one_host.install()
    other = one_host.install(name="other.cgi")
    assert one_host.get("/pid") != one_host.ask("/pid", script=other).body.decode()
    assert len(one_host.sockets()) == 2


def test_the_directory_is_made_for_us_alone(host: Host) -> None:
    host.install()
    place = host.place / "below" / "that"
    answer = host.ask("/", variables={"GATEWAYS_RESIDENT_DIR": str(place)}, umask=0)
    assert answer.status == "200 OK"
    for directory in (host.place, host.place / "below", place):
        assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in place.iterdir()} == {0}
    _stop(host, place)


def test_a_path_that_is_longer_than_a_sockets_can_be(host: Host) -> None:
    host.install(WHERE)
    place = host.place / ("x" * 200)
    for _ in range(2):
        assert where(host.ask("/where", variables={"GATEWAYS_RESIDENT_DIR": str(place)})) == "resident"
    _stop(host, place)


def _stop(host: Host, place: Path) -> None:
    host.place = place
    assert host.run("resident", "stop", "--all").returncode == 0


@pytest.mark.parametrize("place", ["place", "~/place"])
def test_a_directory_that_depends_on_the_working_directory_is_not_used(host: Host, place: str) -> None:
    host.install(WHERE)
    answer = host.ask("/where", variables={"GATEWAYS_RESIDENT_DIR": place}, cwd=host.root)
    assert where(answer) == "plain CGI"
    assert f"GATEWAYS_RESIDENT_DIR has to be a whole path ({place}); served as plain CGI" in answer.log
    assert sorted(path.name for path in host.root.iterdir()) == ["bin", "cgi-bin"]


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_directory_that_others_can_use_is_not_used(host: Host, mode: int) -> None:
    host.install(WHERE)
    host.place.mkdir()
    host.place.chmod(mode)
    answer = host.ask("/where")
    assert where(answer) == "plain CGI"
    assert f"it has to be yours alone, and belongs to user {os.getuid()} with mode {mode:04o}" in answer.log
    assert "served as plain CGI" in answer.log
    assert list(host.place.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give directories away")
def test_a_directory_of_somebody_else_is_not_used(host: Host) -> None:
    host.install(WHERE)
    host.place.mkdir(mode=0o700)
    os.chown(host.place, 65534, 65534)
    answer = host.ask("/where")
    assert where(answer) == "plain CGI"
    assert "belongs to user 65534" in answer.log


def test_a_link_to_a_directory_is_not_followed(host: Host) -> None:
    host.install(WHERE)
    (host.root / "elsewhere").mkdir(mode=0o700)
    host.place.symlink_to(host.root / "elsewhere")
    answer = host.ask("/where")
    assert where(answer) == "plain CGI"
    assert list((host.root / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("made", ["a file", "a link", "a listener that does not serve"])
def test_what_is_in_the_place_of_the_socket(one_host: Host, made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is ours, as the directory is; what nobody listens on is replaced."""
    one_host.install(WHERE)
    one_host.place.mkdir(mode=0o700)
    path = one_host.place / place.socket_name(str(one_host.script), str(one_host.program))
    if made == "a file":
        path.write_text("")
    elif made == "a link":
        path.symlink_to("/dev/null")
    else:
        with socket.socket(socket.AF_UNIX) as sock:  # closed: nobody is there any more
            monkeypatch.chdir(one_host.place)
            sock.bind(path.name)
    assert where(one_host.ask("/where")) == "resident"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
def test_a_full_disk(host: Host) -> None:
    host.install(WHERE)
    host.place.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=2,mode=700", "none", host.place],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode()}")
    try:
        (host.place / "last").touch()
        answer = host.ask("/where")
        assert where(answer) == "plain CGI"
        assert "No space left on device" in answer.log
        (host.place / "last").unlink()  # the lock can be made now, and the socket cannot
        assert where(host.ask("/where")) == "plain CGI"
        body = b"x" * 100_000
        assert host.ask("/echo", body).body == body
    finally:
        subprocess.run(["umount", host.place], check=True)


def test_files_may_not_be_written(host: Host) -> None:
    """As on a full disk: the notes are missing, and nothing else."""
    host.install(WHERE)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    answer = host.ask("/where", preexec_fn=limit)
    assert where(answer) == "plain CGI"
    assert "File too large" in answer.log


def test_no_more_processes_than_allowed(one_host: Host) -> None:
    names = ["a.cgi", "b.cgi", "c.cgi"]
    scripts = [one_host.install(WHERE, name, "# gateways: resident_max=2") for name in names]
    assert [where(one_host.ask("/where", script=script)) for script in scripts[:2]] == ["resident"] * 2
    answer = one_host.ask("/where", script=scripts[2])
    assert where(answer) == "plain CGI"
    assert "there are 2 processes already (resident_max is 2" in answer.log
    for _ in range(starting.FAILURES):  # to be refused is no failure
        assert "there are 2 processes already" in one_host.ask("/where", script=scripts[2]).log
    os.kill(one_host.running()[0].pid, 9)
    until(lambda: len(one_host.running()) == 1)
    assert where(one_host.ask("/where", script=scripts[2])) == "resident"


def test_a_process_that_dies_at_once_again_and_again(one_host: Host) -> None:
    """It is not started without end."""
    one_host.install(
        "import os\nfrom gateways import run\nif 'REQUEST_METHOD' not in os.environ:\n    os._exit(3)\n" + WHERE
    )
    answers = [one_host.ask("/where") for _ in range(starting.FAILURES + 1)]
    assert where(answers[-1]) == "plain CGI"
    assert f"it has ended {starting.FAILURES} times within" in answers[-1].log


def test_failures_are_forgotten_when_it_ends_well(one_host: Host) -> None:
    one_host.install(WHERE)
    for _ in range(starting.FAILURES + 1):
        assert where(one_host.ask("/where")) == "resident"
        assert one_host.run("resident", "stop", "app.cgi").returncode == 0


def test_variables_that_are_passed(one_host: Host) -> None:
    one_host.install(comment="# gateways: resident_pass=DATABASE,MODE")
    variables = {
        "DATABASE": "db",
        "MODE": "m",
        "OTHER": "o",
        "MORE": "x",
        "GATEWAYS_RESIDENT_PASS": "MORE",
        "TZ": "UTC",
    }
    answer = one_host.ask("/process", variables=variables)
    for name in ("DATABASE", "MODE", "MORE", "TZ"):
        assert f"'{name}': '{variables[name]}'" in answer.body.decode()
    assert "OTHER" not in answer.body.decode()


def test_a_comment_that_cannot_be_read(one_host: Host) -> None:
    one_host.install(WHERE, comment="# gateways: threads 4")
    answer = one_host.ask("/where")
    assert where(answer) == "plain CGI"
    assert "line 2: 'threads' is no setting: give NAME=VALUE" in answer.log


def test_the_lock_is_held_for_too_long(one_host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    one_host.place.mkdir(mode=0o700)
    monkeypatch.setenv(place.VARIABLE, str(one_host.place))
    monkeypatch.setattr(starting, "LOCK_TIMEOUT", 0.05)
    directory = place.make()
    lock = starting._lock(directory)
    with pytest.raises(starting.Unavailable, match="lock cannot be locked"):
        starting._lock(directory)
    os.close(lock)
    os.close(starting._lock(directory))
    directory.close()


def test_a_log_that_has_grown_is_emptied(one_host: Host) -> None:
    one_host.install(BEGIN + "os.write(2, b'x' * (2 << 20))\n" + SCRIPT)
    one_host.get()
    until(lambda: len(one_host.log) < starting.MAX_LOG)


def test_a_moved_program_has_another_process(one_host: Host) -> None:
    one_host.install()
    pid = int(one_host.get("/pid"))
    shutil.copytree(one_host.program.parent, one_host.root / "other")
    one_host.program = one_host.root / "other" / "gateways-cgi"
    one_host.install()
    assert one_host.get("/pid") != str(pid)
    assert is_running(pid)
