"""How the website is made; `make site` runs it (tools/site.py puts the pages together first)."""

import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import territory

# Where the project lives: pyproject.toml knows it, and tools/site.py lays it beside this file.
ADDRESSES = tomllib.loads(Path(__file__).with_name("pyproject.toml").read_text("utf-8"))["project"]["urls"]

project = "Territory"
author = "The Territory authors"
copyright = f"2026, {author}"
release = version = territory.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "site_parts",
]
exclude_patterns = ["**/.ipynb_checkpoints"]

# Notebooks are shown as they were committed: nothing runs, and a widget is the picture that it left.
nb_execution_mode = "off"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None), ("html", "image/png", 0)]
myst_enable_extensions = ["amsmath", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 4
suppress_warnings = ["mystnb.unknown_mime_type"]
html_math_renderer = "mathml"

# A name in single quotes in a docstring is a link where it names something, and code where it does not.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "pydata_sphinx_theme"
html_title = "Territory"
html_static_path = ["static"]
html_favicon = "static/icon.svg"
html_css_files = ["site.css"]
html_js_files = [("frames.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_baseurl = ADDRESSES["Homepage"]
html_context = {"default_mode": "auto"}
html_sidebars = {"**": ["sidebar-nav-bs"], "index": [], "explorer/index": []}
html_theme_options = {
    "logo": {"text": "Territory", "image_light": "static/icon.svg", "image_dark": "static/icon.svg", "alt_text": ""},
    "show_nav_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "icon_links": [{"name": "Repository", "url": ADDRESSES["Repository"], "icon": "fa-brands fa-github"}],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
copybutton_exclude = ".linenos, .gp, .go"
