"""Values that people give must not become more than values: the shape of a file is the same, whatever they are."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateways.deploy.registry import describe, generate
from gateways.errors import ConfigError

#: What means something in some configuration, and what does not.
_SPECIAL = " '\"\\$;{}#%()[]|*+?^.,=<>&`!~@:\n\r\t\0\x7f\x85\u2028"
_TEXT = st.text(st.one_of(st.sampled_from(_SPECIAL), st.characters()), max_size=12)

#: Each has a space, so that they are in quotes wherever there are quotes.
_HARMLESS: dict[str, Any] = {
    "mount": "/a b",
    "root": "/srv/a b",
    "static": (("/st atic", "/srv/st atic"),),
    "private": (("/pri vate", "/srv/pri vate"),),
}


def shape(text: str, quote: str = '"') -> list[str]:
    """The lines of a file without comments, and with what is in quotes left out."""
    lines = []
    for line in text.splitlines():
        kept, quoted, skipped = "", False, False
        for character in line:
            if skipped:
                skipped = False
            elif quoted and character == "\\" and quote == '"':
                skipped = True
            elif character == quote:
                quoted = not quoted
                kept += quote
            elif character == "#" and not quoted:
                break
            elif not quoted:
                kept += character
        assert not quoted, f"a quote is open in {line!r}"
        lines.append(kept.rstrip())
    return [line for line in lines if line]


def text(server: str, transport: str = "", addresses: tuple[str, ...] = (), **values: Any) -> str:
    """The one file that is written."""
    (file,) = generate(describe(server, transport, addresses, **values))
    return file.text


def check_that_values_stay_values(
    server: str, transport: str, fields: tuple[str, ...], quote: str = '"', **others: Any
) -> None:
    """Write files with texts of all kinds: refused, or of the same shape as with harmless ones.

    ``others`` are values that stay as they are.
    """
    harmless = {**{name: _HARMLESS[name] for name in fields}, **others}
    usual = sorted(shape(text(server, transport, **harmless), quote))
    seen: list[str] = []
    refused: list[str] = []

    @settings(deadline=None, suppress_health_check=list(HealthCheck))
    @given(_TEXT, st.sampled_from(fields), st.booleans())
    def check(text: str, field: str, second: bool) -> None:
        value = _HARMLESS[field]
        given = (
            f"{value}{text}"
            if isinstance(value, str)
            else tuple(
                (url, f"{directory}{text}") if second else (f"{url}{text}", directory) for url, directory in value
            )
        )
        values = {**harmless, field: given}
        try:
            (file,) = generate(describe(server, transport, **values))
        except ConfigError as error:
            refused.append(str(error))
            return
        seen.append(text)
        assert sorted(shape(file.text, quote)) == usual  # longer URLs come first

    check()
    assert seen, "everything was refused"
    assert not any("\n" in line for line in refused)
