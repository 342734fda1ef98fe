"""Django."""

from __future__ import annotations

import hashlib

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="not a secret: this is a test")
django.setup()


def hello(request: HttpRequest, name: str) -> HttpResponse:
    return HttpResponse(f"hello {name} from {request.META['SCRIPT_NAME']}")


def upload(request: HttpRequest) -> JsonResponse:
    file = request.FILES["file"]
    content = file.read()
    return JsonResponse({"name": file.name, "length": len(content), "sha256": hashlib.sha256(content).hexdigest()})


urlpatterns = [path("hello/<name>", hello), path("upload", upload)]
application = get_wsgi_application()
