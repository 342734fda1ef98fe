"""What Django has to know of it: a label that is not ``django``."""

from __future__ import annotations

from django.apps import AppConfig


class RunFCGIConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """The application of the command."""

    name = "gateways.compat.django"
    label = "gateways_runfcgi"
    verbose_name = "gateways: runfcgi"
