"""How the pages of docs/ become a site: ``./dev docs`` runs Sphinx with this.

The Markdown is for a forge as well, so nothing in it is Sphinx's own: what a site needs more comes from the modules
beside this one.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from gateways import __version__  # noqa: E402

project = "gateways"
author = "the gateways authors"
copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "navigation", "projectfiles", "publicnames", "lexers"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["_site"]

# Headings have the anchors that a forge gives them; a link to one that is not there is a warning, and so an error.
myst_heading_anchors = 6
myst_url_schemes = ["http", "https", "mailto", "project-file"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88
add_module_names = False

html_theme = "furo"
html_title = f"gateways {version}"
html_static_path = ["static"]
html_favicon = "static/favicon.svg"
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
pygments_style = "friendly"
pygments_dark_style = "github-dark"
