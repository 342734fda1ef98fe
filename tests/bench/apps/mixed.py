"""One application with a path for each way to be heavy: slow, large, an upload, a file. Any other path is quick."""

import os
import time

BLOCK = bytes(65536)
SIZES = {"1MiB": 1 << 20, "100MiB": 100 << 20}
FILE = os.environ.get("BENCH_FILE", "")


def application(environ, start_response):
    path = environ.get("REQUEST_URI") or environ["PATH_INFO"]
    name = path.rpartition("/")[2]
    if name in SIZES:
        return large(SIZES[name], start_response)
    if name == "upload":
        return answer(b"%d\n" % received(environ["wsgi.input"]), start_response)
    if name == "file":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(os.path.getsize(FILE)))])
        return environ.get("wsgi.file_wrapper", blocks)(open(FILE, "rb"), len(BLOCK))
    if name == "slow":
        time.sleep(0.05)
    return answer(b"Hello, world\n", start_response)


def answer(body, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def large(size, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(size))])
    return (BLOCK for _ in range(size // len(BLOCK)))


def received(stream):
    size = 0
    while block := stream.read(len(BLOCK)):
        size += len(block)
    return size


def blocks(file, size):
    """What a server without a wrapper of its own gets, as PEP 3333 has it."""
    with file:
        while block := file.read(size):
            yield block
