"""``gateways-cgi``, in C and in Python: one process answers all requests of a script, as if it were plain CGI."""

from __future__ import annotations

import ast
import os
import signal
import socket
import subprocess

import pytest

from tests.support import cgi
from tests.support.resident import SCRIPT, Host
from tests.support.serving import until


def test_requests_come_to_one_process(host: Host) -> None:
    host.install()
    pids = {host.get("/pid") for _ in range(3)}
    assert len(pids) == 1
    assert host.get("/count") == "4"


def test_both_programs_find_the_same_process(one_host: Host) -> None:
    from tests.support.resident import install_programs

    one_host.install()
    pid = one_host.get("/pid")
    install_programs(one_host.program.parent, "c")
    assert one_host.program.read_bytes().startswith(b"\x7fELF")
    assert one_host.get("/pid") == pid


def test_a_request_keeps_its_variables_for_itself(host: Host) -> None:
    """Neither the request that started the process nor a later one leaves anything of it behind."""
    host.install()
    secret = {"HTTP_AUTHORIZATION": "Basic c2VjcmV0", "REMOTE_USER": "eve", "eppn": "eve@example.org"}
    first = ast.literal_eval(host.ask("/environ", variables=secret).body.decode())
    assert {name: first[name] for name in secret} == secret
    second = ast.literal_eval(host.get("/environ"))
    assert not secret.keys() & second.keys()
    process = ast.literal_eval(host.get("/process"))
    assert not (secret.keys() | set(cgi.REQUEST)) & process.keys()
    assert "eve" not in repr(process)


def test_the_environ_is_that_of_plain_cgi(host: Host) -> None:
    plain = host.scripts / "plain.cgi"
    plain.write_text(SCRIPT)
    host.install()
    variables = {"QUERY_STRING": "a=%20", "HTTP_X_LATIN": b"\xe4", "LONG": "x" * 70_000, "HTTP_PROXY": "evil"}
    ours = ast.literal_eval(host.ask("/environ", variables=variables).body.decode())
    given = {name: value for name, value in host.environment("/environ", variables).items() if name != "PYTHONPATH"}
    theirs = ast.literal_eval(cgi.run(plain, given).body.decode())
    for environ in (ours, theirs):
        environ.pop("LC_CTYPE", None)  # a Python in the C locale sets it
    assert ours.pop("FCGI_ROLE") == "RESPONDER"
    assert ours == theirs


@pytest.mark.parametrize("size", [0, 1, 65528, 65536, 10_000_000])
def test_bodies_pass_both_ways(host: Host, size: int) -> None:
    host.install()
    body = os.urandom(size)
    answer = host.ask("/echo", body)
    assert answer.code == 0
    assert answer.body == body


def test_an_upload_that_is_answered_early(host: Host) -> None:
    """More than sockets and pipes hold in each direction, and the application reads none of it."""
    host.install()
    answer = host.ask("/bytes/3000000", b"u" * 10_000_000)
    assert (answer.code, len(answer.body)) == (0, 3_000_000)


def test_a_web_server_that_sends_all_before_it_reads(host: Host) -> None:
    """As Apache does: while the response has no room, the body is read ahead."""
    host.install()
    body = b"u" * 5_000_000
    with host.start("/bytes/1000000", stdin=subprocess.PIPE, variables=cgi.post(body)) as process:
        assert process.stdin
        process.stdin.write(body)
        process.stdin.close()
        process.stdin = None
        output, _ = process.communicate(timeout=45)
    assert len(cgi.Answer(output, b"", 0).body) == 1_000_000


def test_one_socket_for_both_directions(host: Host) -> None:
    """As mod_cgid gives it: what is not read of the body must not lose the response."""
    host.install()
    ours, theirs = socket.socketpair()
    with ours:
        with (
            theirs,
            host.start("/bytes/10", stdin=theirs, stdout=theirs, variables=cgi.post(b"u" * 300_000)) as process,
        ):
            ours.sendall(b"u" * 100_000)
            theirs.close()
            process.communicate(timeout=45)
        received = b""
        while piece := ours.recv(65536):
            received += piece
    assert received.endswith(b"x" * 10)


def test_a_chunked_upload_has_an_end_and_no_length(host: Host) -> None:
    host.install()
    variables = {"HTTP_TRANSFER_ENCODING": "chunked", "REQUEST_METHOD": "POST", "CONTENT_LENGTH": None}
    with host.start("/echo", stdin=subprocess.PIPE, variables=variables) as process:
        output, _ = process.communicate(b"abc" * 50_000, timeout=45)
    assert cgi.Answer(output, b"", 0).body == b"abc" * 50_000


def test_no_byte_is_read_behind_the_body(host: Host) -> None:
    host.install()
    read_end, write_end = os.pipe()
    os.write(write_end, b"12345rest")
    answer = host.ask("/echo", stdin=read_end, variables=cgi.post(b"12345"))
    assert answer.body == b"12345"
    assert os.read(read_end, 100) == b"rest"
    os.close(read_end)
    os.close(write_end)


def test_what_a_request_prints_is_in_its_own_error_output(host: Host) -> None:
    host.install()
    host.get()
    answer = host.ask("/print")
    assert answer.log.splitlines() == ["printed on stdout", "printed on stderr"]
    assert answer.body == b"/print"
    assert host.ask("/").log == ""


def test_the_process_belongs_to_no_web_server(host: Host) -> None:
    """It is in no session or group of the request's, holds none of its descriptors, and lives on."""
    host.install()
    read_end, write_end = os.pipe()
    with host.start("/pid", pass_fds=[write_end], start_new_session=True) as process:
        os.close(write_end)
        pid = int(cgi.Answer(process.communicate(timeout=45)[0], b"", 0).body)
        assert os.getsid(pid) not in (process.pid, os.getsid(0))
        assert os.getpgid(pid) != process.pid
    assert os.read(read_end, 1) == b""  # nobody holds the other end
    os.close(read_end)
    assert host.get("/pid") == str(pid)


def test_the_working_directory_and_umask_are_those_of_the_script(host: Host) -> None:
    host.install(SCRIPT.replace('"/count": str(len(SEEN))', '"/count": f"{os.getcwd()} {os.umask(0)}"'))
    assert host.ask("/count", umask=0o027, cwd="/").body.decode() == f"{host.scripts} {0o027}"


def test_a_client_that_leaves_is_noticed(host: Host) -> None:
    """By the end of whoever passes the request on, and by the end of whoever reads it."""
    code = (
        SCRIPT.replace(
            'elif path == "/die":',
            'elif path == "/ticks":\n'
            "        start_response('200 OK', [])\n"
            "        return ticks()\n"
            '    elif path == "/die":',
        )
        + "\n"
    )
    code = code.replace(
        "run_with_cgi(application)",
        "def ticks():\n    try:\n        while True:\n            yield b'tick'\n            time.sleep(0.01)\n"
        "    finally:\n        open('left', 'a').write('x')\n\nrun_with_cgi(application)",
    )
    host.install(code)
    left = host.scripts / "left"
    with host.start("/ticks") as process:
        assert process.stdout
        assert process.stdout.read(4)
        process.terminate()
    until(lambda: left.exists() and left.read_text() == "x")
    with host.start("/ticks") as process:
        assert process.stdout
        process.stdout.read(1)
        process.stdout.close()
        assert process.wait(45) == 1
    until(lambda: left.read_text() == "xx")


def test_a_process_that_is_killed_in_the_middle(host: Host) -> None:
    host.install()
    pid = host.get("/pid")
    answer = host.ask("/die")
    assert (answer.status, answer.code) == ("502 Bad Gateway", 1)
    assert "did not answer: it has ended" in answer.log
    assert host.get("/pid") != pid


def test_a_socket_that_was_left_behind(host: Host) -> None:
    host.install()
    pid = int(host.get("/pid"))
    os.kill(pid, signal.SIGKILL)
    host.until_ended(pid)
    assert len(host.sockets()) == 1
    assert host.get("/pid") != str(pid)
    assert len(host.sockets()) == 1


def test_the_status_of_the_application_is_no_exit_status(host: Host) -> None:
    host.install(SCRIPT.replace('"200 OK"', '"404 Not Found"'))
    answer = host.ask("/nothing")
    assert (answer.status, answer.code) == ("404 Not Found", 0)


def test_words_behind_the_script_are_not_looked_at(host: Host) -> None:
    host.install()
    assert host.ask("/pid", arguments=("-c", "x")).status == "200 OK"


def test_closed_standard_streams(host: Host) -> None:
    host.install()
    done = subprocess.run(
        ["sh", "-c", f'exec "{host.script}" <&- 2>&-'],
        env=host.environment("/pid"), cwd=host.scripts, capture_output=True, timeout=45, check=True,
    )  # fmt: skip
    assert done.stdout.endswith(host.get("/pid").encode())


def test_a_person_runs_the_script_itself(host: Host) -> None:
    host.install("import sys\nprint('hello', sys.argv[1:])\n")
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(cgi.ROOT)}
    done = subprocess.run([host.script, "a"], env=environ, capture_output=True, text=True, timeout=45, check=True)
    assert done.stdout == "hello ['a']\n"


@pytest.mark.parametrize("variables", [{}, {"REQUEST_METHOD": "GET"}])
def test_a_page_is_for_a_request_alone(host: Host, variables: dict[str, str]) -> None:
    """A person reads the reason, and no page beside it."""
    host.install()
    if host.kind == "c":
        host.program.with_name("gateways").unlink()
    else:
        text = host.program.read_text().replace("import sys\n", "import sys\nsys.executable = '/nowhere/python'\n")
        host.program.write_text(text)
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(cgi.ROOT),
        "GATEWAYS_RESIDENT_DIR": str(host.place),
        **variables,
    }
    done = subprocess.run([host.script], env=environ, capture_output=True, text=True, timeout=45, check=False)
    assert done.returncode == 1
    assert ": cannot execute " in done.stderr
    assert ("500 Internal Server Error" in done.stdout) == bool(variables)


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_the_program_alone_says_what_it_is(host: Host, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [host.program, *words], env={"PATH": os.environ["PATH"], "PYTHONPATH": str(cgi.ROOT)},
        capture_output=True, text=True, timeout=45, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "gateways-cgi is the interpreter of a CGI script" in done.stderr


def test_settings_in_comments_hold_for_run_with_cgi(host: Host) -> None:
    """What the script says itself wins; what it does not say is theirs."""
    application = "def application(environ, start_response): 1 / 0"
    host.install(
        f"from gateways import run_with_cgi\n{application}\nrun_with_cgi(application)\n",
        comment="# gateways: debug=yes",
    )
    assert b"ZeroDivisionError" in host.ask("/").body
