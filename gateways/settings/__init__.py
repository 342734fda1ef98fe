"""Every setting, declared once: the flag, the environment variable, the check, the help and the manual come from here.

A setting ``header_timeout`` is the flag ``--header-timeout``, the variable ``GATEWAYS_HEADER_TIMEOUT``, the key
``header_timeout`` of ``gateways.toml`` and the keyword ``header_timeout`` of ``serve()`` and ``run()``. Defaults give
way to the file, the file to variables, and variables to flags or keywords.
"""

from __future__ import annotations

from gateways.settings.managing import Managing
from gateways.settings.serving import Serving


class Settings(Managing, Serving):
    """The settings of one server or pool, checked and read-only.

    ``Settings(threads=4)`` takes keywords and nothing else; ``Settings.load`` reads the environment too. Times are
    seconds, sizes are bytes; strings such as ``"2m"`` and ``"64k"`` are accepted for them. Both raise ``ConfigError``
    for a name that is no setting and for a value that is not allowed.
    """

    @classmethod
    def other_name(cls, name: str, certain: bool = False) -> str:
        """Say what a setting of php-fpm, uWSGI or gunicorn is called here."""
        from gateways.settings.othernames import explain  # only people who made a mistake wait for it

        return explain(name, certain)
