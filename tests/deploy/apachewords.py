"""Apache's own way to split the lines of a configuration into words (ap_getword_conf), for the tests."""

from __future__ import annotations

from tests.deploy.breakout import text


def words(line: str) -> list[str]:
    """Split a line as Apache does; a section's ``>`` at the end is no word."""
    line = line.strip()
    if line.startswith("<"):
        assert line.endswith(">")
        line = line[1:-1]
    found = []
    while line:
        if line[0] in "\"'":
            end = line.index(line[0], 1)  # no backslashes before quotes: the description has refused both
            found.append(line[1:end])
            line = line[end + 1 :]
            assert not line or line[0].isspace(), line
        else:
            word, _, line = line.partition(" ")
            found.append(word)
        line = line.lstrip()
    return found


def directives(text: str) -> list[list[str]]:
    """The lines that are not comments, split."""
    assert "${" not in "".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
    return [words(line) for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]


def lines_of(transport: str, *addresses: str, **values: object) -> list[str]:
    """The lines of a file for Apache, not indented."""
    return [line.strip() for line in text("apache", transport, addresses, **values).split("\n")]
