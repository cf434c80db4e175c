"""Sphinx reads the pages where they lie: the source folder is the repository, and this folder holds the configuration.

tools/docs.py builds; every warning is an error.
"""

import re

from pygments.lexers.rust import RustLexer

project = "plmhead"
author = "the plmhead authors"
project_copyright = "the plmhead authors, Apache-2.0"
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/*.md",
    "spec/**/*.md",
    "conformance/README.md",
    "rust-loader/README.md",
    "js-loader/README.md",
    "accelerator/README.md",
]
exclude_patterns = [".*", "**/node_modules", "**/target", "build", "dist", "demo-out", "tests", "hostile", "python"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # some pages of the packages begin a level lower

html_theme = "furo"
html_title = "plmhead"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["root"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False}
pygments_style = "tango"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
default_role = "literal"  # docstrings mark code by single backticks
napoleon_google_docstring = False
napoleon_use_ivar = True


def paragraphs(lines: list[str]) -> list[str]:
    """Docstrings are prose: lines that begin with a name and a colon, or with Raises, stay lines."""
    begins = re.compile(r"(\w[\w, ]{0,40}: |Raises |Returns )")
    out: list[str] = []
    for line in lines:
        escaped = re.sub(
            r"`[^`]*`|[*_|]", lambda found: found[0] if len(found[0]) > 1 else "\\" + found[0], line.strip()
        )
        if begins.match(line.strip()) and out and out[-1]:
            out.append("")
        out.append(escaped)
    return out


def process(app: object, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    if not any(line.startswith("---") for line in lines):  # napoleon reads these
        lines[:] = paragraphs(lines)


def setup(app: object) -> None:
    app.add_lexer("rust,no_run", RustLexer)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", process)  # type: ignore[attr-defined]
