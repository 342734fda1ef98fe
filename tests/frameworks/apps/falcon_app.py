"""Falcon."""

from __future__ import annotations

import hashlib

import falcon

application = falcon.App()


class Hello:
    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"hello {name} from {req.root_path}"


class Upload:
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        for part in req.get_media():
            content = part.stream.read()
            digest = hashlib.sha256(content).hexdigest()
            resp.media = {"name": part.filename, "length": len(content), "sha256": digest}


application.add_route("/hello/{name}", Hello())
application.add_route("/upload", Upload())
