"""The classes that flup.server.ajp_base gives to programs: packets, requests, connections."""
