"""A Flask application as anybody would write it: nothing in it knows what serves it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

from flask import Flask, Response, redirect, request, send_file, session, url_for

app = Flask(__name__)
app.secret_key = "not a secret: this is a test"


@app.route("/")
def page() -> str:
    return f"hello from Flask at {url_for('page', _external=True)}"


@app.route("/form", methods=["POST"])
def form() -> dict[str, str]:
    return dict(request.form)


@app.route("/upload", methods=["POST"])
def upload() -> dict[str, object]:
    file = request.files["file"]
    content = file.read()
    return {"name": file.filename, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@app.route("/stream")
def stream() -> Response:
    def lines() -> Iterator[str]:
        for number in range(5):
            yield f"line {number}\n"

    return Response(lines(), mimetype="text/plain")


@app.route("/file")
def file() -> Response:
    return send_file(io.BytesIO(b"0123456789" * 1000), mimetype="application/octet-stream")


@app.route("/old")
def old() -> Response:
    return redirect(url_for("page"))  # type: ignore[return-value]


@app.route("/count")
def count() -> str:
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


@app.route("/name/<name>")
def name(name: str) -> str:
    return name


application = app
