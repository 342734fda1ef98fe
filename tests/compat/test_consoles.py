from __future__ import annotations

import logging

from gateways.compat.consoles import console_logger, printable


def test_one_handler_however_often():
    logger = console_logger("gateways-test-console")
    assert console_logger("gateways-test-console") is logger is logging.getLogger("gateways-test-console")
    assert len(logger.handlers) == 1


def test_no_line_is_forged():
    assert printable("/a b") == "/a b"
    assert printable("/a\nb\x1b") == "/a\\nb\\x1b"
