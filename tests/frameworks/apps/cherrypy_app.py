"""CherryPy."""

from __future__ import annotations

import hashlib
from typing import Any

import cherrypy

cherrypy.config.update({"environment": "embedded"})


class Root:
    @cherrypy.expose  # type: ignore[untyped-decorator]
    def hello(self, name: str) -> str:
        return f"hello {name} from {cherrypy.request.script_name}"

    @cherrypy.expose  # type: ignore[untyped-decorator]
    @cherrypy.tools.json_out()  # type: ignore[untyped-decorator]
    def upload(self, file: Any) -> dict[str, object]:
        content = file.file.read()
        return {"name": file.filename, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}


#: Where it is mounted comes with each request.
application = cherrypy.Application(Root(), script_name=None)
