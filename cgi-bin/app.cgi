#!/usr/bin/env python3
"""Serve app.py by CGI: a new process for each request.

The application is named, not imported: when its import fails, the client gets a 500 and the error log the reason.
"""

from gateways import run_with_cgi

run_with_cgi("app:application")
