"""The classes that flup.server.fcgi_base gives to programs: records, streams, requests, connections."""
