"""One request to a web server by HTTP, and what it has answered."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a client has got."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def environ(self) -> dict[str, Any]:
        """What the probe application has seen of the request."""
        assert self.status == 200, self
        told: dict[str, Any] = json.loads(self.body)["environ"]
        return told


def ask(connection: http.client.HTTPConnection, method: str, target: str, **more: Any) -> Answer:
    """Send the only request of a connection. The answer may come before all of it is sent."""
    with closing(connection):
        try:
            connection.request(method, target, **more)
        except (BrokenPipeError, ConnectionResetError):
            pass
        response = connection.getresponse()
        return Answer(response.status, response.read(), dict(response.getheaders()))
