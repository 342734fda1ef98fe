"""Django's hello with no middleware; any path."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import re_path


def hello(request):
    return HttpResponse("Hello, world\n", content_type="text/plain")


urlpatterns = [re_path("", hello)]
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="not a secret: nothing is signed")
application = get_wsgi_application()
