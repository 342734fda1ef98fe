"""Flask."""

from __future__ import annotations

import hashlib

from flask import Flask, request

application = Flask(__name__)


@application.get("/hello/<name>")
def hello(name: str) -> str:
    return f"hello {name} from {request.script_root}"


@application.post("/upload")
def upload() -> dict[str, object]:
    file = request.files["file"]
    content = file.read()
    return {"name": file.filename, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
