"""Run an application under flup, which has no command line: flup_server.py SOCKET MODULE."""

import importlib
import sys

from flup.server.fcgi import WSGIServer

application = importlib.import_module(sys.argv[2]).application
WSGIServer(application, bindAddress=sys.argv[1], umask=0).run()
