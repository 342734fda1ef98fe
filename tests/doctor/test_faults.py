"""The faults that are the same for every web server."""

from __future__ import annotations

from gateways.doctor import faults
from gateways.settings import Settings


def test_what_is_said_of_gateways_is_so():
    assert Settings().keepalive_timeout == faults.KEEPALIVE
