"""Pyramid."""

from __future__ import annotations

import hashlib
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response


def hello(request: Request) -> Response:
    return Response(f"hello {request.matchdict['name']} from {request.script_name}")


def upload(request: Request) -> dict[str, Any]:
    file = request.POST["file"]
    content = file.file.read()
    return {"name": file.filename, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}


with Configurator() as config:
    config.add_route("hello", "/hello/{name}")
    config.add_view(hello, route_name="hello")
    config.add_route("upload", "/upload", request_method="POST")
    config.add_view(upload, route_name="upload", renderer="json")
    application = config.make_wsgi_app()
