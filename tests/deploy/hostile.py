"""Texts that a description takes, made of what means something in some configuration."""

from __future__ import annotations

from hypothesis import strategies as st

_PIECES = (
    *("%", "%n", "%%", "%(here)s", "%{HTTP_HOST}", "$", "$HOME", "${HOME}", "$(HOME)", "$$", "`id`"),
    *(" ", " #", "#", " ;", ";", "'", "''", "<", ">", "{", "}", "(", ")", "[", "]", "*", "?", "!", "&", "|", "^", "~"),
    *("=", ",", ":", "@", "+", "-", ".", "a", "b7", "é", "€"),
)


def _text(*without: str) -> st.SearchStrategy[str]:
    """Texts without what the description refuses there."""
    pieces = [piece for piece in _PIECES if not any(character in piece for character in without)]
    return st.lists(st.sampled_from(pieces), min_size=1, max_size=8).map("".join)


apps = _text().map("a{}".format)  # with a dash at the beginning, it would be a flag
directories = _text().map("/d{}".format)
mounts = _text("%", "?", "#").map("/m{}".format)
