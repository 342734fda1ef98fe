"""A Django project in one file, with ``runfcgi``: the tests run it as its manage.py."""

import os
import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path


def page(request, name):
    return HttpResponse(f"hello {name} {request.method}\n", content_type="text/plain")


urlpatterns = [path("<name>", page)]

if __name__ == "__main__":
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="__main__",
        SECRET_KEY="of the tests",
        INSTALLED_APPS=["gateways.compat.django"],
        USE_TZ=True,
        WSGI_APPLICATION=os.environ.get("PROJECT_WSGI_APPLICATION"),
    )
    django.setup()
    execute_from_command_line(sys.argv)
