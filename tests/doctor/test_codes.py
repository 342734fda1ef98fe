"""The manual's list of codes."""

from __future__ import annotations

import re

from gateways.doctor.findings import CODES
from tests.tools import doctor_reference


def test_the_manual_has_every_code() -> None:
    written = doctor_reference.PAGE.read_text(encoding="utf-8")
    assert written == doctor_reference.page(), "renew it: python -m tests.tools.doctor_reference"


def test_a_code_is_a_name_and_its_meaning_a_sentence() -> None:
    doctor_reference.load_all()
    for code in CODES.values():
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)+", code.name), code
        assert re.fullmatch(r"[^\n]+[.`]", code.meaning), code
