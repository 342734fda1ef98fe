"""Bottle."""

from __future__ import annotations

import hashlib

from bottle import Bottle, request

application = Bottle()


@application.get("/hello/<name>")  # type: ignore[untyped-decorator]
def hello(name: str) -> str:
    return f"hello {name} from {request.script_name.rstrip('/')}"


@application.post("/upload")  # type: ignore[untyped-decorator]
def upload() -> dict[str, object]:
    file = request.files["file"]
    content = file.file.read()
    return {"name": file.raw_filename, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
