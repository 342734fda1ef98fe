"""See what passes between a web server and a backend: what ``gateways trace`` does.

The decoders take the bytes of both directions and give ``Item``s, without I/O; ``conversation.py`` has the one of each
protocol. ``relay.py`` passes the bytes on, unchanged, and ``takeover.py`` puts it in the place of a socket.
"""
