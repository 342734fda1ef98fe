#!/usr/bin/env python3
"""The smallest CGI script: copy it to cgi-bin, make it executable, open it in a browser."""

from gateways import run_with_cgi


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"Hello from gateways.\n"]


run_with_cgi(application)
