"""A FastAPI application with a Starlette application mounted in it: what people write, unchanged."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

#: Where the tests see what has happened.
SIGNALS = Path(os.environ.get("SIGNALS", "."))


def signal(name: str, text: str = "") -> None:
    """Tell the tests."""
    (SIGNALS / name).write_text(text)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """A database would be opened here."""
    signal("startup")
    yield {"database": "open"}
    signal("shutdown")


async def where(request: Request) -> JSONResponse:
    """Starlette's own view of a request."""
    body = await request.body()
    return JSONResponse(
        {
            "url": str(request.url),
            "root_path": request.scope["root_path"],
            "client": request.client.host if request.client else None,
            "body": len(body),
        }
    )


app = FastAPI(lifespan=lifespan)
app.mount("/starlette", Starlette(routes=[Route("/{rest:path}", where, methods=["GET", "POST"])]))


@app.get("/items/{number}")
async def item(number: int, request: Request, q: str = "") -> dict[str, Any]:
    """Validated by FastAPI; 422 when it is no number."""
    return {"number": number, "q": q, "database": request.state.database}


@app.get("/sync")
def sync() -> dict[str, str]:
    """Runs in a thread of FastAPI's own."""
    return {"hello": "thread"}


@app.post("/upload")
async def upload(request: Request) -> dict[str, Any]:
    """Read an upload as it comes."""
    digest, pieces = hashlib.sha256(), 0
    async for piece in request.stream():
        digest.update(piece)
        pieces += 1
    return {"sha256": digest.hexdigest(), "pieces": pieces}


@app.get("/stream")
async def stream() -> StreamingResponse:
    """Send a piece, and the next one when the test has seen it."""

    async def pieces() -> AsyncIterator[bytes]:
        try:
            for number in range(1000):
                yield f"piece {number}\n".encode()
                while not (SIGNALS / f"seen-{number}").exists():
                    await asyncio.sleep(0.01)
        finally:
            signal("stream-over")

    return StreamingResponse(pieces(), headers={"X-Accel-Buffering": "no"}, media_type="text/plain")


@app.get("/background")
async def background(tasks: BackgroundTasks) -> dict[str, str]:
    """Answer, and do something afterwards."""
    tasks.add_task(signal, "background")
    return {"status": "soon"}


@app.websocket("/socket")
async def socket(websocket: WebSocket) -> None:
    """Never reached behind a gateway."""
    signal("socket")
    await websocket.accept()
