from __future__ import annotations

import os

import pytest

from gateways.compat.django.options import HELP, Options, read_options
from gateways.compat.flup.server import ajp, fcgi, fcgi_fork, scgi_fork
from gateways.errors import ConfigError


def test_every_option_has_its_help():
    assert set(HELP) == set(Options.__dataclass_fields__)


def test_words_and_flags():
    options = read_options(["method=threaded", "host=127.0.0.1", "PORT=7", "debug", "umask=007"], {"maxspare": "9"})
    assert (options.method, options.address, options.debug) == ("threaded", ("127.0.0.1", 7), True)
    assert (options.umask, options.maxspare) == (0o007, 9)
    assert options.daemonize is True


def test_paths_are_where_they_were_typed():
    options = read_options(["socket=s", "pidfile=p", "daemonize=false"], {"outlog": None})
    assert options.address == os.path.abspath("s")
    assert options.pidfile == os.path.abspath("p")
    assert options.daemonize is False


def test_without_an_address_it_is_a_web_servers_to_start():
    options = read_options([], {})
    assert options.address is None
    assert options.daemonize is False


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["protocol=http"], "protocol=http: give fcgi, scgi, ajp"),
        (["method=green"], "method=green: give prefork or threaded"),
        (["socket=s", "host=h", "port=1"], "not both"),
        (["host=h"], "belong together"),
        (["protocol=scgi"], "protocol=scgi: give host and port"),
        (["protocol=ajp", "socket=s"], "AJP is for TCP"),
        (["maxspare=many"], "maxspare: 'many' is not a number"),
        (["umask=9"], "umask: '9' is not an octal number from 0 to 777"),
        (["umask=1777"], "umask: '1777' is not an octal number"),
        (["daemonize=perhaps"], "daemonize: 'perhaps' is neither true nor false"),
        (["workers=3"], "workers is no option of runfcgi; give protocol, host"),
    ],
)
def test_what_cannot_be(words, message):
    with pytest.raises(ConfigError, match=message):
        read_options(words, {})


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ([], fcgi_fork),
        (["method=threaded"], fcgi),
        (["protocol=scgi", "host=127.0.0.1", "port=0"], scgi_fork),
        (["protocol=ajp", "host=127.0.0.1", "port=0", "method=threaded"], ajp),
    ],
)
def test_the_server(words, kind):
    server = read_options([*words, "minspare=3", "maxspare=4", "maxchildren=6", "maxrequests=8"], {}).make_server(None)
    assert type(server) is kind.WSGIServer
    if "fork" in kind.__name__:
        assert (server._minSpare, server._maxSpare, server._maxChildren, server._maxRequests) == (3, 4, 6, 8)
    else:
        assert server._threadPool._maxThreads == 6


def test_spares_that_cannot_be():
    with pytest.raises(ConfigError, match="maxSpare"):
        read_options(["minspare=9"], {}).make_server(None)
