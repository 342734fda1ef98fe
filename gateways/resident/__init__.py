"""Resident CGI: a process that stays for a CGI script, on hosts that have nothing but cgi-bin.

The first line of the script names ``gateways-cgi`` in place of Python. That program passes the request on by FastCGI,
over a Unix socket in a private directory, to a process that runs the script as lighttpd or spawn-fcgi would: with the
listening socket on descriptor 0.

    gateways-cgi.c  the usual case in C: find the socket; gateways-cgi-relay.c: pass the request on
    place.py        which directory, which name; relay.py: the passing on. The twins of the two in Python
    interpreter.py  the whole of ``gateways-cgi`` in Python: for all that is not usual, and where there is no compiler
    starting.py     start the process, once
    boot.py         the process: runs the script; process.py: serves what it gives; streams.py: what it prints
    notes.py        what a process says of itself to ``gateways resident``; comments.py: settings in the script
"""
