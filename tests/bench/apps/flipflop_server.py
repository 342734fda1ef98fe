"""Run an application under flipflop, which wants its listener as descriptor 0: flipflop_server.py SOCKET MODULE."""

import importlib
import os
import socket
import sys

from flipflop import WSGIServer

application = importlib.import_module(sys.argv[2]).application
with socket.socket(socket.AF_UNIX) as listener:
    os.umask(0)
    listener.bind(sys.argv[1])
    listener.listen(1024)
    os.dup2(listener.fileno(), 0)
WSGIServer(application).run()
