"""What a card says, apart from how it looks: blocks that `markdown` and `html` render. No block holds markup.

Two kinds of text: `str` is ours, `Code` is a value out of a file, shown as it is written there. Both renderers escape both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """A value out of a file, or a name of code."""

    text: str


Inline = str | Code
Text = str | Code | tuple[Inline, ...]


def inlines(text: Text) -> tuple[Inline, ...]:
    """The parts of a text."""
    return text if isinstance(text, tuple) else (text,)


#: Characters of a value that are shown; version 0 holds strings of any length.
MAX_SHOWN = 300


def shown(code: Code) -> str:
    """A value out of a file as both renderers show it, before escaping: printable, in quotes where nothing would be seen."""
    text = printable(code.text if len(code.text) <= MAX_SHOWN else code.text[:MAX_SHOWN] + "…")
    return text if text.strip() else f'"{text}"'


def printable(text: str) -> str:
    """The text with what cannot be seen spelled out: control characters, line ends, and those that reverse the direction."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


@dataclass(frozen=True)
class Paragraph:
    """Sentences; a `warning` stands out."""

    text: Text
    warning: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: tuple[Text, ...]


@dataclass(frozen=True)
class Table:
    """Rows under a header; the first `left` columns are words, the others numbers."""

    caption: str
    header: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]
    left: int = 1


@dataclass(frozen=True)
class Matrix:
    """Counts of true classes (rows) against predicted ones (columns)."""

    title: Text
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Matrices:
    """Matrices side by side."""

    items: tuple[Matrix, ...]


@dataclass(frozen=True)
class Snippet:
    """Code to copy."""

    title: str
    language: str
    text: str


@dataclass(frozen=True)
class Figure:
    """A plot as SVG, made by `plots` of numbers and our own words alone, and the same in words.

    A key of the legend is `line0` … (a curve), `s0` … (a bar), or the letter of a threshold.
    """

    title: str
    svg: str
    words: str
    legend: tuple[tuple[str, Text], ...] = ()


@dataclass(frozen=True)
class Figures:
    """Plots side by side."""

    items: tuple[Figure, ...]


Block = Paragraph | Bullets | Table | Matrices | Snippet | Figures


@dataclass(frozen=True)
class Section:
    """A heading, its anchor, and what stands under it."""

    title: str
    anchor: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole card. `metadata` is the front matter of README.md, values of JSON's types."""

    name: str
    lead: Text
    facts: tuple[tuple[str, Text], ...]
    sections: tuple[Section, ...]
    metadata: dict[str, object]

    def blocks(self) -> Iterator[Block]:
        """All blocks, in order."""
        for section in self.sections:
            yield from section.blocks
