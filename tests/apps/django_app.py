"""A Django project in one file, as anybody would write it: nothing in it knows what serves it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not a secret: this is a test",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"hello from Django at {request.build_absolute_uri(reverse('page'))}")


def form(request: HttpRequest) -> HttpResponse:
    return JsonResponse(request.POST.dict())


def upload(request: HttpRequest) -> HttpResponse:
    file = request.FILES["file"]
    content = file.read()
    return JsonResponse({"name": file.name, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def lines() -> Iterator[str]:
        for number in range(5):
            yield f"line {number}\n"

    return StreamingHttpResponse(lines(), content_type="text/plain")


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(io.BytesIO(b"0123456789" * 1000), content_type="application/octet-stream")


def old(request: HttpRequest) -> HttpResponse:
    return redirect("page")


def count(request: HttpRequest) -> HttpResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return HttpResponse(str(request.session["count"]))


def name(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(name)


urlpatterns = [
    path("", page, name="page"),
    path("form", form),
    path("upload", upload),
    path("stream", stream),
    path("file", file),
    path("old", old),
    path("count", count),
    path("name/<str:name>", name),
]

application = get_wsgi_application()
