"""A card as one HTML page that needs nothing else: no request, no script. Styles and plots are in it."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Iterator
from html import escape
from string import Template

from .document import (
    Block,
    Bullets,
    Code,
    Document,
    Figure,
    Figures,
    Matrices,
    Matrix,
    Paragraph,
    Snippet,
    Table,
    Text,
    inlines,
    printable,
    shown,
)
from .plots import HEIGHT, WIDTH


def render(document: Document) -> str:
    """The text of the page."""
    folder = importlib.resources.files(__package__)
    sections = "\n".join(
        f'<section aria-labelledby="{section.anchor}">\n<h2 id="{section.anchor}">{_text(section.title)}</h2>\n'
        + "\n".join(_html for block in section.blocks for _html in _block(block))
        + "\n</section>"
        for section in document.sections
    )
    return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        style=(folder / "style.css").read_text(encoding="utf-8"),
        title=escape(printable(document.name)),
        lead=_text(document.lead),
        facts="\n".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in document.facts),
        contents="\n".join(
            f'<li><a href="#{section.anchor}">{_text(section.title)}</a></li>' for section in document.sections
        ),
        sections=sections,
    )


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text, warning):
            yield f'<p class="warning">{_text(text)}</p>' if warning else f"<p>{_text(text)}</p>"
        case Bullets(items):
            yield "<ul>" + "".join(f"<li>{_text(item)}</li>" for item in items) + "</ul>"
        case Table():
            yield _table(block)
        case Matrices(matrices):
            yield f'<div class="side">{"".join(map(_matrix, matrices))}</div>'
        case Snippet(title, language, text):
            shown = f'<pre tabindex="0"><code class="language-{language}">{escape(text)}</code></pre>'
            yield f'<div class="snippet"><h3>{_text(title)}</h3>{shown}</div>'
        case Figures(figures):
            yield f'<div class="side">{"".join(map(_figure, figures))}</div>'


def _table(table: Table) -> str:
    header = "".join(
        f'<th scope="col"{"" if i < table.left else _NUMBER}>{_text(cell)}</th>' for i, cell in enumerate(table.header)
    )
    head = f"<thead><tr>{header}</tr></thead>" if any(table.header) else ""
    rows = "".join(f"<tr>{_row(row, table.left)}</tr>" for row in table.rows)
    body = f"<table><caption>{_text(table.caption)}</caption>{head}<tbody>{rows}</tbody></table>"
    return f'<div class="scroll" role="region" aria-label="{escape(table.caption)}" tabindex="0">{body}</div>'


_NUMBER = ' class="number"'


def _row(cells: Iterable[Text], left: int) -> str:
    first, *others = [_text(cell) for cell in cells]
    rest = "".join(f"<td{'' if i < left else _NUMBER}>{cell}</td>" for i, cell in enumerate(others, start=1))
    return f'<th scope="row">{first}</th>{rest}'


def _matrix(matrix: Matrix) -> str:
    """Counts, tinted by their share of the true class."""
    columns = "".join(f'<th scope="col" class="number">{_text(Code(label))}</th>' for label in matrix.labels)
    rows = []
    for label, counts in zip(matrix.labels, matrix.counts, strict=True):
        total = max(sum(counts), 1)
        cells = "".join(
            f'<td class="number" style="--share:{count / total:.3f}">{count}<small>{100 * count / total:.0f} %</small></td>'
            for count in counts
        )
        rows.append(f'<tr><th scope="row">{_text(Code(label))}</th>{cells}</tr>')
    return (
        f'<div class="scroll"><table class="matrix"><caption>{_text(matrix.title)}</caption>'
        f'<thead><tr><td class="corner">true, down; predicted, across</td>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _figure(figure: Figure) -> str:
    anchor = "figure-" + "-".join(word for word in figure.title.lower().split() if word.isalpha())
    legend = "".join(f"<li>{_key(key)} {_text(text)}</li>" for key, text in figure.legend)
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{anchor}-title {anchor}-desc">'
        f'<title id="{anchor}-title">{escape(figure.title)}</title>'
        f'<desc id="{anchor}-desc">{escape(figure.words)}</desc>{figure.svg}</svg>'
        f"<figcaption><h3>{_text(figure.title)}</h3>"
        + (f'<ul class="legend">{legend}</ul>' if legend else "")
        + f"<p>{_text(figure.words)}</p></figcaption></figure>"
    )


def _key(key: str) -> str:
    """A sample of a curve (line0 …) or of a bar (s0 …), or the letter of a threshold."""
    if key.startswith("line"):
        line = f'<polyline class="series s{key[4:]}" points="0,7 40,7"/>'
        return f'<svg viewBox="0 0 40 14" aria-hidden="true">{line}</svg>'
    return f'<span class="key {key}"></span>' if key.startswith("s") else f'<span class="key">{escape(key)}</span>'


def _text(text: Text) -> str:
    return "".join(
        f"<code>{escape(shown(part))}</code>" if isinstance(part, Code) else escape(printable(part))
        for part in inlines(text)
    )
