"""HTTP/1.1 (RFC 9110, RFC 9112), both sides of it, without I/O. h11 parses; it is imported with the first listener."""
