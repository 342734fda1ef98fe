"""What the command does is tested by tests/compat/django/test_serving.py."""

from __future__ import annotations

from tests.support.requirements import require_module


def test_options_are_words_or_flags(monkeypatch):
    require_module("django")
    from gateways.compat.django.management.commands import runfcgi

    served = []
    monkeypatch.setattr(runfcgi, "get_internal_wsgi_application", lambda: "application")
    monkeypatch.setattr(runfcgi, "serve", lambda application, options: served.append((application, options)))
    command = runfcgi.Command()
    parser = command.create_parser("manage.py", "runfcgi")
    words = ["method=threaded", "--debug", "--maxspare=7", "--umask", "002", "port=1", "host=h"]
    parsed = vars(parser.parse_args(runfcgi.as_flags(words)))
    command.handle(**parsed)
    application, options = served[0]
    assert application == "application"
    assert (options.method, options.debug, options.maxspare, options.umask) == ("threaded", True, 7, 0o002)
    assert options.address == ("h", 1)


def test_words_become_flags():
    require_module("django")
    from gateways.compat.django.management.commands.runfcgi import as_flags

    assert as_flags(["debug", "HOST=h", "other=1"]) == ["--debug", "--host=h", "other=1"]
    assert as_flags(["--host", "debug", "port=1"]) == ["--host", "debug", "--port=1"]
    assert as_flags(["debug=true", "help"]) == ["--debug=true", "--help"]
    assert as_flags(["--pidfile", "help"]) == ["--pidfile", "help"]
