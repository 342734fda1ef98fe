from __future__ import annotations

from tests.support.requirements import require_module


def test_its_label_is_its_own():
    require_module("django")
    from gateways.compat.django.apps import RunFCGIConfig

    assert RunFCGIConfig.label == "gateways_runfcgi"
    assert RunFCGIConfig.name == "gateways.compat.django"
