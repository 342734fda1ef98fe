#!/usr/bin/env python3
"""Serve app.py by FastCGI: a process that stays, started by mod_fcgid, lighttpd's bin-path or spawn-fcgi.

`run` looks at how it was started, so the same script also answers as CGI, and for a person at a terminal.
The application is named, not imported: when its import fails, clients get a 500 and the error log the reason.
"""

from gateways import run

run("app:application")
