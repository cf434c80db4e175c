"""A model card: README.md with the metadata that model hubs read, and one HTML page, of the same content.

Everything that comes out of an artifact or a data file is a stranger's: it is shown as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..head import Head
from . import about, evaluation, html, markdown
from .document import Document, Section, Text
from .evaluation import Evaluated
from .metadata import Publication, metadata
from .snippets import snippets

__all__ = ["Card", "Evaluated", "Publication", "make_card", "make_document"]


class Card(NamedTuple):
    """The texts of the two files."""

    readme: str
    page: str


def make_card(*arguments: Any, **keywords: Any) -> Card:
    """As `make_document`, rendered. Raises ImportError without PyYAML."""
    document = make_document(*arguments, **keywords)
    return Card(markdown.render(document), html.render(document))


def make_document(
    head: Head,
    name: str,
    *,
    evaluated: Evaluated | None = None,
    digests: Sequence[tuple[str, str]] = (),
    signature: Text = "Not signed.",
    publication: Publication | None = None,
) -> Document:
    """The card of a head that is called `name`: a function of its arguments alone, of no clock and no machine.

    `digests` are (file name, SHA-256), `signature` says what is known of one.
    """
    sections = (
        about.what_it_predicts(head),
        Section("Use", "use", snippets(name, head)),
        about.training(head),
        about.cross_validation(head),
        evaluation.section(head, evaluated),
        about.contract(head),
        about.limits(head, None if evaluated is None else evaluated.found),
        about.files(head, digests, signature),
    )
    front = metadata(head, name, None if evaluated is None else evaluated.found, publication or Publication())
    return Document(name, about.lead(head), tuple(_facts(head, evaluated, signature)), sections, front)


def _facts(head: Head, evaluated: Evaluated | None, signature: Text) -> list[tuple[str, Text]]:
    """The first things that a reader wants to know."""
    noted, metrics = head.config.get("training", {}), head.config.get("metrics", {})
    facts: list[tuple[str, Text]] = [("Classes", about.listed(about.labels(head)[:8]))]
    if len(head.classes) > 8:
        facts = [("Classes", f"{len(head.classes):,}")]
    facts.append(("Encoder", about.encoder(head)))
    facts.append(("Features", f"{head.n_features_in:,}"))
    if "rows" in noted:
        facts.append(("Training rows", f"{noted['rows']:,}"))
    cross = metrics.get("cross_validation", {}).get("scores", {}).get("roc_auc")
    if cross and cross["mean"] is not None:
        facts.append(("ROC AUC, cross-validation", f"{cross['mean']:.3f} ± {cross['std']:.3f}"))
    if evaluated is not None:
        auc = evaluated.found["scores"]["roc_auc"]
        facts.append(("ROC AUC, evaluation", f"{about.number(auc['value'])}"))
    facts.append(("Format", f"version {head.format_version}, {'verified' if head.verified else 'not verified'}"))
    return [*facts, ("Signature", signature)]
