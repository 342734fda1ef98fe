"""What a kept connection has received and not parsed yet: as it came, as long as that is in one piece."""

from __future__ import annotations


def append(buffer: bytes | bytearray, position: int, data: bytes) -> bytes | bytearray:
    """Return what ``buffer`` holds from ``position`` on, with ``data`` behind it.

    A ``bytearray`` is changed in place, so that a body that comes in small pieces is not copied with each of them.
    """
    if position == len(buffer):
        return data
    if not isinstance(buffer, bytearray):
        return bytearray(buffer[position:]) + data
    del buffer[:position]
    buffer += data
    return buffer
