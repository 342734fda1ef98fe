"""Texts that a description takes, with whatever means something in some configuration."""

from __future__ import annotations

from hypothesis import strategies as st

from gateways.deploy.description import Deployment
from gateways.errors import ConfigError

#: Rather these than others.
_SPECIAL = "%$ #;'`{}()[]<>*?!&|^~=,:@+-.$$%%{{ 0azé€\x7f\n\r\t\u2028\u0085"

text = st.text(st.sampled_from(_SPECIAL) | st.characters(codec="utf-8"), min_size=1, max_size=20)


def _accepted(**values: str) -> bool:
    try:
        Deployment("nginx", **values)
    except ConfigError:
        return False
    return True


apps = text.filter(lambda value: _accepted(app=value))
directories = st.builds("/{}".format, text).filter(lambda value: _accepted(root=value))
mounts = st.builds("/{}".format, text).filter(lambda value: _accepted(mount=value))
