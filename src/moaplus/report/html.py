"""Results as HTML for the report, each in one file that needs no other."""

import base64
import re
from itertools import pairwise
from pathlib import Path

from itables import options, to_html_datatable
from itables.javascript import generate_init_offline_itables_html
from markdown_it import MarkdownIt
from markdown_it.token import Token

from moaplus.storage.files import save_text
from moaplus.storage.frames import load_frame

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem; color: #1a1a1a; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px; }
th, td { border-bottom: 1px solid #ddd; padding: 4px 8px; text-align: left; vertical-align: top; }
th { background: #f5f5f5; }
img { max-width: 100%; }
p { max-width: 50rem; }
code { font-size: 12px; overflow-wrap: anywhere; }
a:not([href]) { color: inherit; }
"""


def write_page(source: Path) -> None:
    """Write a page in Markdown as HTML beside it.

    Raises:
        UserError: if it cannot be written.
    """
    body = rendered(source.read_text(encoding="utf-8"), source.parent)
    save_text(source.with_suffix(".html"), _document(source.stem, body))


def write_rows(source: Path) -> None:
    """Write a table in CSV as HTML beside it, to be sorted and searched.

    Raises:
        UserError: if it is missing or damaged, or the page cannot be written.
    """
    frame = load_frame(source, "run snakemake to make it").convert_dtypes()
    shown = frame.astype(object).where(frame.notna(), "")
    body = generate_init_offline_itables_html(options.dt_bundle)
    body += to_html_datatable(shown, connected=False, maxBytes=0, showIndex=False, table_id="rows")
    save_text(source.with_suffix(".html"), _document(source.stem, body))


def rendered(text: str, folder: Path) -> str:
    """Return Markdown as HTML: pictures in `folder` inside of it, links to files as plain text."""
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(text)
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _slug(following.content))
        _embed(token.children or [], folder)
    return parser.renderer.render(tokens, parser.options, {})


def _embed(tokens: list[Token], folder: Path) -> None:
    for token in tokens:
        if token.type == "image":
            picture = base64.b64encode((folder / token.attrs["src"]).read_bytes())
            token.attrSet("src", f"data:image/png;base64,{picture.decode()}")
        if token.type == "link_open" and not token.attrs["href"].startswith(("#", "http")):
            token.attrs.pop("href")


def _slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _document(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )
