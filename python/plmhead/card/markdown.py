"""A card as README.md: YAML front matter for model hubs, then Markdown as GitHub and the hubs read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

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

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&#$])")


def render(document: Document) -> str:
    """The text of README.md."""
    try:
        import yaml
    except ImportError:
        raise ImportError("a card needs PyYAML: pip install 'plmhead[card]'") from None

    front = yaml.safe_dump(document.metadata, sort_keys=False, allow_unicode=True, width=2**20)
    parts = [f"---\n{front}---", f"# {_code(Code(document.name))}", _text(document.lead)]
    parts.append(_table(("", ""), document.facts))
    for section in document.sections:
        parts.append(f"## {_text(section.title)}")
        for block in section.blocks:
            parts.extend(_block(block))
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(text, warning):
            yield f"> **Note.** {_text(text)}" if warning else _text(text)
        case Bullets(items):
            yield "\n".join(f"- {_text(item)}" for item in items)
        case Table():
            yield f"{_text(block.caption)}:"
            yield _table(block.header, block.rows, block.left)
        case Matrices(matrices):
            for matrix in matrices:
                yield from _matrix(matrix)
        case Snippet(title, language, text):
            yield f"{_text(title)}:"
            yield f"```{language}\n{text}```"
        case Figures(figures):
            yield "\n".join(_figure(figure) for figure in figures)


def _matrix(matrix: Matrix) -> Iterator[str]:
    yield f"{_text(matrix.title)}:"
    header: tuple[Text, ...] = ("true class", *(("predicted ", Code(label)) for label in matrix.labels))
    rows: list[tuple[Text, ...]] = [
        (Code(label), *map(str, counts)) for label, counts in zip(matrix.labels, matrix.counts, strict=True)
    ]
    yield _table(header, rows)


def _figure(figure: Figure) -> str:
    """In words: the hubs remove SVG from Markdown."""
    return f"- {_text(figure.title)}: {_text(figure.words)}"


def _table(header: Iterable[Text], rows: Iterable[tuple[Text, ...]], left: int = 2) -> str:
    columns = [_cell(cell) for cell in header]
    lines = [columns, ["---" if i < left else "--:" for i in range(len(columns))]]
    lines += [[_cell(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _text(text: Text, bar: str = "|") -> str:
    return "".join(
        _code(part, bar) if isinstance(part, Code) else _SPECIAL.sub(r"\\\1", printable(part)) for part in inlines(text)
    )


def _cell(text: Text) -> str:
    """A bar would end the cell, even in a code span, unless it is escaped; in words it is escaped already."""
    return _text(text, bar="\\|")


def _code(code: Code, bar: str = "|") -> str:
    """A code span, in which nothing is markup."""
    text = shown(code)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text[0] in " `" or text[-1] in " `" else ""
    return f"{fence}{pad}{text.replace('|', bar)}{pad}{fence}"
