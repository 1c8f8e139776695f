"""The documentation site: ``make docs`` builds it into ``docs/_build``."""

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE)]

from diagrams import write_layers, write_rules  # noqa: E402
from reference_pages import write_api  # noqa: E402

from microgesture import __version__  # noqa: E402

project = "microgesture"
author = "The microgesture developers"
copyright = author
release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "microgesture"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5a92", "color-brand-content": "#1f5a92"},
    "dark_css_variables": {"color-brand-primary": "#8ec1f2", "color-brand-content": "#8ec1f2"},
}
# both have enough contrast on the background of code
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
copybutton_exclude = ".linenos, .gp"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
default_role = "code"

GENERATED = HERE / "_generated"
GENERATED.mkdir(exist_ok=True)
write_layers(GENERATED / "layers.svg")
write_rules(GENERATED / "rules.svg")
write_api(GENERATED / "api")


def skip_member(
    app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what a module imports, and names of types, which numpydoc takes for functions."""
    foreign = isinstance(member, type) and not member.__module__.startswith("microgesture")
    return True if what == "module" and (foreign or hasattr(member, "__origin__")) else None


def mend_for_screen_readers(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Give headings of the navigation their level, and let code be scrolled by keyboard."""
    tree = context.get("furo_navigation_tree", "")
    levelled = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    context["furo_navigation_tree"] = levelled
    context["body"] = context.get("body", "").replace("<pre>", '<pre tabindex="0">')


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("autodoc-skip-member", skip_member)
    app.connect("html-page-context", mend_for_screen_readers, priority=900)  # after the theme
