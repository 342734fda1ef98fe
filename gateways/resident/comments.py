"""Settings that stand in a CGI script itself, for those who cannot set variables: ``# gateways: threads=4``."""

from __future__ import annotations

import re

from gateways.errors import ConfigError

#: As far as a script is searched: people write such things at its top.
LINES = 30
_LINE_SIZE = 4096
_COMMENT = re.compile(r"#\s*gateways:\s*(.*)")


def read(script: str) -> dict[str, str]:
    """Return names and values of the settings in the comments of a script, as they stand there.

    Raises ``ConfigError`` for what is no NAME=VALUE. A script that cannot be read has none: whoever runs it will tell.
    """
    found: dict[str, str] = {}
    try:
        with open(script, encoding="utf-8", errors="replace") as file:
            lines = [file.readline(_LINE_SIZE) for _ in range(LINES)]
    except OSError:
        return found
    for number, line in enumerate(lines, 1):
        match = _COMMENT.match(line)
        for word in match[1].split() if match else ():
            name, equals, value = word.partition("=")
            if not (name and equals and value):
                raise ConfigError(
                    f"{script}, line {number}: {word!r} is no setting: give NAME=VALUE, such as threads=4"
                )
            found[name.replace("-", "_")] = value
    return found
