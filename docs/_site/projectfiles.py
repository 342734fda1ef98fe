"""Links from a page to a file of the project beside docs/: on a forge it is there, on the site it gets a page.

- The Markdown of the project's root (CHANGELOG.md and its like) is a page below project/.
- A file of conf/ or cgi-bin/ is shown with its colours, a directory as a list.
- Anything else cannot be read on the site: a warning.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from sphinx.application import Sphinx
from sphinx.util import logging

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ("conf", "cgi-bin")
#: The pages that stand for a file of the root, and that file.
PAGES = {
    "project/changes": "CHANGELOG.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/security": "SECURITY.md",
}
HOMES = {**{name: page for page, name in PAGES.items()}, "README.md": "index"}
SCHEME = "project-file:"
LANGUAGES = {
    "nginx": "nginx",
    "apache": "apache",
    "lighttpd": "lighttpd",
    "caddy": "nginx",
    "h2o": "yaml",
    "systemd": "systemd",
    "supervisor": "ini",
    "kubernetes": "yaml",
    "cgi-bin": "python",
}
_BY_SUFFIX = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".sh": "sh", ".py": "python"}
#: A link, its text if that is code; or what is code and stays as it is.
_LINK = re.compile(
    r"(?P<before>(?:`[^`\n]+`)?\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)|^```.*?^```$|`[^`\n]+`",
    re.DOTALL | re.MULTILINE,
)

log = logging.getLogger(__name__)


def rewrite_links(app: Sphinx, page: str, source: list[str]) -> None:
    """Give links that lead out of docs/ a target on the site."""
    directory = posixpath.dirname(f"docs/{page}")
    if page in PAGES:
        source[0] = (ROOT / PAGES[page]).read_text(encoding="utf-8")
        app.env.note_dependency(str(ROOT / PAGES[page]))
        directory = ""

    def target(match: re.Match[str]) -> str:
        before, link, anchor = match["before"], match["target"], match["anchor"] or ""
        if not link or re.match(r"[a-z-]+:", link):
            return match[0]
        path = posixpath.normpath(posixpath.join(directory, link))
        if path in HOMES:
            return f"{before}/{HOMES[path]}.md{anchor})"
        if path.startswith("docs/"):
            return f"{before}/{path.removeprefix('docs/')}{anchor})"
        if path.split("/")[0] in SHOWN and (ROOT / path).exists():
            return f"{before}{SCHEME}{path})"
        log.warning("%s: %s is no page, and no file of %s", page, link, " or ".join(SHOWN))
        return match[0]

    source[0] = _LINK.sub(target, source[0])


def resolve(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Turn the targets into addresses relative to the page."""
    for node in doctree.findall(nodes.reference):
        uri = node.get("refuri", "")
        if uri.startswith(SCHEME):
            node["refuri"] = app.builder.get_relative_uri(page, name_of(uri.removeprefix(SCHEME)))
            node["internal"] = True


def name_of(path: str) -> str:
    """Return the name of the page that shows a file or directory."""
    return f"files/{quote(path)}"


def files() -> Iterator[Path]:
    """Give everything that is shown, a directory before what is in it."""
    for top in SHOWN:
        yield ROOT / top
        yield from (
            path
            for path in sorted((ROOT / top).rglob("*"))
            if "__pycache__" not in path.parts and path.suffix not in (".pyc", ".pyo")
        )


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, object], str]]:
    """Give the page of each file and directory."""
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        body = listing(app, path) if path.is_dir() else coloured(path)
        title = html.escape(name)
        context = {"title": name, "body": f"<section><h1>{title}</h1>{body}</section>", "current_page_name": name}
        yield name_of(name), context, "page.html"


def listing(app: Sphinx, path: Path) -> str:
    """Return the links to what is in a directory."""
    here = name_of(path.relative_to(ROOT).as_posix())
    entries = []
    for entry in sorted(set(files()) & set(path.iterdir())):
        uri = app.builder.get_relative_uri(here, name_of(entry.relative_to(ROOT).as_posix()))
        entries.append(
            f'<li><a class="reference internal" href="{uri}"><code>{html.escape(entry.name)}</code></a></li>'
        )
    return f"<ul>{''.join(entries)}</ul>"


def coloured(path: Path) -> str:
    """Return the text of a file as HTML."""
    parts = path.relative_to(ROOT).parts
    by_place = LANGUAGES.get(parts[1] if parts[0] == "conf" and len(parts) > 2 else parts[0], "text")
    language = _BY_SUFFIX.get(path.suffix, by_place)
    formatter = HtmlFormatter(cssclass="highlight", wrapcode=True)
    code: str = highlight(path.read_text(encoding="utf-8"), get_lexer_by_name(language), formatter)
    return f'<div class="highlight-{language} notranslate">{code}</div>'


def setup(app: Sphinx) -> dict[str, object]:
    """Say when to be called: before the lists of index.md are read."""
    app.connect("source-read", rewrite_links)
    app.connect("doctree-resolved", resolve)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
