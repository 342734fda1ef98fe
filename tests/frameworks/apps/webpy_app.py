"""web.py."""

from __future__ import annotations

import hashlib
import json

import web


class Hello:
    def GET(self, name: str) -> str:
        return f"hello {name} from {web.ctx.homepath}"


class Upload:
    def POST(self) -> str:
        file = web.webapi.rawinput().get("file")
        content = file.file.read()
        web.header("Content-Type", "application/json")
        return json.dumps(
            {"name": file.filename, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        )


application = web.application(("/hello/(.*)", Hello, "/upload", Upload)).wsgifunc()
