"""The faults that are the same for every web server."""

from __future__ import annotations

from gateways.doctor import faults
from gateways.doctor.findings import Code
from gateways.settings import Settings


def test_what_is_said_of_gateways_is_so():
    assert Settings().keepalive_timeout == faults.KEEPALIVE


def test_each_has_a_code_of_its_own():
    codes = [value for value in vars(faults).values() if isinstance(value, Code)]
    assert len({code.name for code in codes}) == len(codes) > 25
