"""Colours for the configuration languages that Pygments does not know: those of one that looks like them."""

from __future__ import annotations

from pygments.lexers import ApacheConfLexer, NginxConfLexer, TextLexer
from pygments.lexers.data import YamlLexer
from sphinx.application import Sphinx

LIKE = {
    "caddyfile": NginxConfLexer,
    "htaccess": ApacheConfLexer,
    "haproxy": TextLexer,
    "h2o": YamlLexer,
}


def setup(app: Sphinx) -> dict[str, object]:
    """Make them known."""
    for name, lexer in LIKE.items():
        app.add_lexer(name, lexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
