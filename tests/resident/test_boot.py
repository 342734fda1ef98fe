"""The program of the process that stays: runs the script, and answers for it when it fails."""

from __future__ import annotations

import pytest

from tests.support.resident import BEGIN, SCRIPT, Host, answer_of
from tests.support.serving import until


def test_a_script_that_fails_and_is_mended(host: Host) -> None:
    """The reason is in the web server's log, with the traceback; then it is tried again, and not without end."""
    host.install(BEGIN + "raise RuntimeError('no database')\n")
    answer = host.ask("/")
    assert (answer.status, answer.code) == ("500 Internal Server Error", 0)
    assert "app.cgi failed: RuntimeError: no database" in answer.log
    assert "    raise RuntimeError('no database')" in answer.log
    assert b"database" not in answer.body
    host.install()
    until(lambda: host.ask("/").status == "200 OK", host.log)


def test_a_script_with_a_syntax_error(host: Host) -> None:
    host.install("def application(:\n")
    answer = host.ask("/")
    assert answer.status == "500 Internal Server Error"
    assert "SyntaxError" in answer.log


def test_a_script_that_is_no_wsgi_script(one_host: Host) -> None:
    one_host.install("print('Content-Type: text/plain\\n\\nhello')\n")
    answer = one_host.ask("/")
    assert answer.status == "500 Internal Server Error"
    assert "it has ended without a call of run() or serve()" in answer.log


def test_an_application_that_cannot_be_loaded(one_host: Host) -> None:
    one_host.install(BEGIN + "run_with_cgi('nothing:application')\n")
    answer = one_host.ask("/")
    assert answer.status == "500 Internal Server Error"
    assert "there is no module 'nothing' in" in answer.log
    (one_host.scripts / "nothing.py").write_text(
        "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'something']\n"
    )
    until(lambda: one_host.ask("/").body == b"something", one_host.log)


def test_a_failing_script_does_not_stay_for_ever(one_host: Host) -> None:
    one_host.install(BEGIN + "raise SystemExit(3)\n")
    answer = one_host.ask("/", variables={"GATEWAYS_IDLE_TIMEOUT": "0.2"})
    assert "it has ended with exit status 3" in answer.log
    until(lambda: one_host.sockets() == [])


def test_a_script_that_never_serves_can_be_found_and_stopped(one_host: Host) -> None:
    """Such as one that starts a server of its own: after it was mended, who waits is served."""
    asleep = one_host.root / "asleep"
    one_host.install(f"{BEGIN}open({str(asleep)!r}, 'w').close()\ntime.sleep(3600)\n")
    with one_host.start("/count") as process:
        until(asleep.exists)  # before that it would run the mended script
        [resident] = one_host.running()
        assert (resident.script, resident.requests) == (str(one_host.script), 0)
        one_host.install()
        stopped = one_host.run("resident", "stop", "app.cgi")
        assert stopped.stdout == f"{one_host.script}: process {resident.pid} has ended\n"
        assert answer_of(process).body == b"1"


def test_a_script_of_the_standard_library(one_host: Host) -> None:
    one_host.install(
        SCRIPT.replace(
            "run_with_cgi(application)", "from wsgiref.handlers import CGIHandler\nCGIHandler().run(application)"
        )
    )
    assert [one_host.get("/count") for _ in range(2)] == ["1", "2"]


FLUP = {
    "flup.server.fcgi": "WSGIServer(application, environ={'MINE': 'm'})",
    "flup.server.fcgi_fork": "WSGIServer(application, environ={'MINE': 'm'}, forceCGI=True)",
    "flipflop": "WSGIServer(application)",
}


@pytest.mark.parametrize("module", FLUP)
def test_a_script_of_flup(one_host: Host, module: str) -> None:
    """It stays as others do: it is known, its prints are the request's, and it ends when it is idle, or told to."""
    package = module.partition(".")[0]
    imports = f"from gateways.compat.{package} import install\ninstall()\nfrom {module} import WSGIServer\n"
    text = SCRIPT.replace("run_with_cgi(application)", f"print(WSGIServer, file=sys.stderr)\n{FLUP[module]}.run()")
    one_host.install(imports + text, comment="# gateways: renew_on=never")
    assert [one_host.get("/count") for _ in range(2)] == ["1", "2"]
    assert one_host.ask("/print").log == "printed on stdout\nprinted on stderr\n"
    assert ("'MINE': 'm'" in one_host.ask("/environ").body.decode()) is (package == "flup")
    [resident] = one_host.running()
    stopped = one_host.run("resident", "stop", "--all")
    assert stopped.stdout == f"{one_host.script}: process {resident.pid} has ended\n"
    assert one_host.sockets() == []
    assert "failed" not in one_host.log


def test_the_script_is_run_as_python_runs_it(one_host: Host) -> None:
    one_host.install(SCRIPT.replace('"/count": str(len(SEEN))', '"/count": FACTS'))
    text = (one_host.script).read_text()
    facts = "FACTS = repr((__name__, __file__, sys.argv, sys.path[0]))\n"
    one_host.script.write_text(text.replace("SEEN = []\n", f"SEEN = []\n{facts}"))
    script = str(one_host.script)
    assert one_host.get("/count") == repr(("__main__", script, [script], str(one_host.scripts)))


def test_settings_of_run_with_cgi_count(one_host: Host) -> None:
    one_host.install(
        SCRIPT.replace(
            "run_with_cgi(application)", "run_with_cgi(application, environ={'MINE': 'm'}, script_name='/a')"
        )
    )
    answer = one_host.ask("/environ", variables={"REQUEST_URI": "/a/environ", "SCRIPT_NAME": "/a"}).body.decode()
    assert "'MINE': 'm'" in answer
    assert "'SCRIPT_NAME': '/a'" in answer
