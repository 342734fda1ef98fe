from __future__ import annotations

import logging

from gateways.compat.consoles import console_logger


def test_one_handler_however_often():
    logger = console_logger("gateways-test-console")
    assert console_logger("gateways-test-console") is logger is logging.getLogger("gateways-test-console")
    assert len(logger.handlers) == 1
