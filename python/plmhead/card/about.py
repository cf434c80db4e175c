"""The sections that need the artifact alone: what it predicts, how it was made, the contract in words, limits, files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..encode import random_weights_warning
from ..head import Head
from .document import Block, Bullets, Code, Inline, Paragraph, Section, Table, Text

FAMILIES = {"esm1b": "ESM-1b", "esm1v": "ESM-1v", "esm2": "ESM-2"}
SCORES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "mcc": "Matthews correlation",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "log_loss": "log loss",
}
MAX_LISTED = 30
_FIELD_POOLING = (
    "it was trained with a pooling that counts the end token of every sequence shorter than its batch's longest"
)
_ENGLISH = {"standard_scaler": "a StandardScaler", "two_class_multinomial": "the two-class multinomial form"}


def labels(head: Head) -> list[str]:
    """The classes as people read them."""
    return [str(label) for label in head.classes.tolist()]


def listed(values: Sequence[str]) -> tuple[Inline, ...]:
    """Values in a row, the first of many."""
    parts: list[Inline] = []
    for value in values[:MAX_LISTED]:
        parts += [", ", Code(value)] if parts else [Code(value)]
    return (*parts, f" and {len(values) - MAX_LISTED} more") if len(values) > MAX_LISTED else tuple(parts)


def encoder(head: Head) -> Text:
    """The encoder's name."""
    contract = head.config.get("embedding")
    if contract is None:
        old = head.config.get("esm_model")
        return Code(old) if old else "not recorded"
    return (f"{FAMILIES[contract['family']]}, ", Code(contract["checkpoint"]))


def lead(head: Head) -> Text:
    """The first sentence."""
    contract = head.config.get("embedding")
    of = "from embeddings" if contract is None else f"from protein sequences embedded by {FAMILIES[contract['family']]}"
    names = labels(head)
    if head.link == "logistic":
        return ("Predicts ", Code(names[1]), " against ", Code(names[0]), f" {of}, by logistic regression.")
    return f"Predicts one of {len(names)} classes {of}, by multinomial logistic regression."


def what_it_predicts(head: Head) -> Section:
    """Classes, and how a label comes of a probability."""
    names = labels(head)
    if head.link == "softmax":
        text: Text = ("A probability of each of the classes ", *listed(names), "; the label is the most probable one.")
        return Section("What it predicts", "predicts", (Paragraph(text),))
    text = ("The probability of ", Code(names[1]), ". The label is ", Code(names[1]), " above a threshold, else ",
            Code(names[0]), "; a named assay type decides which threshold, else the stored one holds.")  # fmt: skip
    rows: list[tuple[Text, ...]] = [("stored", _decimal(head.threshold))]
    rows += [(("assay type ", Code(name)), _decimal(value)) for name, value in (head.assay_thresholds or {}).items()]
    table = Table("Thresholds", ("threshold", "value"), tuple(rows))
    return Section("What it predicts", "predicts", (Paragraph(text), table))


def _decimal(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def training(head: Head) -> Section:
    """What is recorded of the data and the fit."""
    config, noted = head.config, head.config.get("training", {})
    rows: list[tuple[Text, ...]] = []

    def add(name: str, value: Any, text: Text | None = None) -> None:
        if value is not None:
            rows.append((name, Code(str(value)) if text is None else text))

    add("Data", noted.get("dataset"))
    add("SHA-256 of the data", noted.get("dataset_sha256"))
    add("Rows", noted.get("rows"), f"{noted.get('rows', 0):,}")
    if "rows_by_class" in noted:
        counts = list(zip(labels(head), noted["rows_by_class"], strict=True))
        parts: list[Inline] = []
        for label, count in counts[:MAX_LISTED]:
            parts += [", " if parts else "", Code(label), f": {count:,}"]
        parts += [f" and {len(counts) - MAX_LISTED} more classes"] if len(counts) > MAX_LISTED else []
        add("Rows of each class", True, tuple(parts))
    add("Assay", noted.get("assay_type"))
    add("Fragment", noted.get("fragment_type"))
    add("Fitted", noted.get("date"))
    add("scikit-learn", config["sklearn_version"])
    penalty = config["penalty"] or "none"
    add("Regularisation", True, ("penalty ", Code(penalty), f", C = {config['C']:g}"))
    add("Solver", config["solver"])
    weight = config["class_weight"]
    add("Class weights", weight, None if weight is None or weight == "balanced" else _weights(weight))
    if noted.get("folded"):
        add("Folded into the coefficients", True, " and ".join(_ENGLISH[name] for name in noted["folded"]))
    blocks: tuple[Block, ...] = (Table("Data and fit", ("", "recorded"), tuple(rows), left=2),)
    if "dataset" not in noted and "rows" not in noted:
        blocks = (Paragraph("The artifact does not say which data it was trained on.", warning=True), *blocks)
    return Section("Training data", "training", blocks)


def _weights(weights: dict[str, float]) -> Text:
    return listed([f"{name}: {value:g}" for name, value in weights.items()])


def cross_validation(head: Head) -> Section:
    """The scores that were stored when it was trained."""
    metrics = head.config.get("metrics", {})
    cross, fitted = metrics.get("cross_validation"), metrics.get("train", {})
    if cross is None:
        text = "No cross-validation is recorded in the artifact."
        return Section("Cross-validation", "cross-validation", (Paragraph(text, warning=True),))
    names = [*cross["scores"], *(name for name in fitted if name not in cross["scores"])]
    rows: list[tuple[Text, ...]] = []
    for name in names:
        fold = cross["scores"].get(name, {"mean": None, "std": None})
        rows.append((_score(name), number(fold["mean"]), number(fold["std"]), number(fitted.get(name))))
    kind = "stratified " if cross["stratified"] else ""
    caption = f"{cross['folds']}-fold {kind}cross-validation"
    table = Table(caption, ("score", "mean", "standard deviation", "on the training rows"), tuple(rows))
    text = "Mean and standard deviation over the folds. The scores on the training rows show how far it has learnt them by heart."
    return Section("Cross-validation", "cross-validation", (table, Paragraph(text)))


def _score(name: str) -> Text:
    return SCORES.get(name, Code(name))


def number(value: float | None) -> str:
    """Three decimals, or a dash where a score is undefined."""
    return "–" if value is None else f"{value:.3f}"


def contract(head: Head) -> Section:
    """The embedding contract in words."""
    return Section("The embeddings it needs", "embeddings", tuple(_contract_blocks(head)))


def _contract_blocks(head: Head) -> list[Block]:
    held = head.config.get("embedding")
    if held is None:
        old = head.config.get("esm_model")
        end: Text = ("made by ", Code(old), ".") if old else "and whoever uses it must know what they are."
        told = f"The artifact holds no embedding contract: it takes {head.n_features_in:,} numbers a row, "
        old_pooling = [Paragraph(f"Version 0: {_FIELD_POOLING}.", warning=True)] if head.format_version == "0" else []
        return [Paragraph((told, *_parts(end)), warning=True), *old_pooling]
    revision: Text = (", revision ", Code(held["revision"])) if held["revision"] else ", revision not recorded"
    too_long = {
        "error": "a longer one is refused",
        "truncate": "of a longer one the first 1,022 are used",
    }[held["too_long"]]
    items: list[Text] = [
        (f"Encoder: {FAMILIES[held['family']]}, checkpoint ", Code(held["checkpoint"]), *_parts(revision), "."),
        _digest(held["weights_sha256"]),
        "Text: white space at both ends removed, letters upper-cased; the 20 amino acids and X. Any other character is refused.",
        f"Length: at most 1,022 residues; {too_long}.",
        "Value: the mean of the last layer, after its final layer norm, over the residues only: never the begin, end or "
        "padding tokens, and whatever the batch. Summed in float32, not normalised.",
        f"Shape: {held['dimension']:,} numbers a sequence, from an encoder in {held['dtype']} ({_ACCURACY[held['accuracy']]}).",
    ]
    blocks: list[Block] = [
        Paragraph("A head is right only on the embeddings it was trained on."),
        Bullets(tuple(items)),
    ]
    blocks += [Paragraph(text, warning=True) for text in _origin(held)]
    return blocks


_ACCURACY = {"exact": "exact", "fast": "fast: to a hundred times the exact tolerance"}


def _parts(text: Text) -> tuple[Inline, ...]:
    return text if isinstance(text, tuple) else (text,)


def _digest(weights: str | None) -> Text:
    if weights is None:
        return (
            "Weights: their digest is not recorded, so that another checkpoint of this name would not be noticed by it."
        )
    return ("Weights: SHA-256 ", Code(weights), " over the canonical tensors; an encoder with others is refused.")


def _origin(held: dict[str, Any]) -> list[str]:
    texts = []
    if held["origin"] == "version-0":
        after = "so that its scores on embeddings of this contract differ a little from those it was fitted on"
        texts.append(f"Upgraded from version 0: {_FIELD_POOLING}, {after}.")
    if held["origin"] == "declared":
        texts.append("The contract was declared by whoever saved the head; no encoder was at hand to check it.")
    warning = random_weights_warning(held["checkpoint"])
    return [*texts, f"{warning[0].upper()}{warning[1:]}."] if warning else texts


def limits(head: Head, evaluation: dict[str, Any] | None) -> Section:
    """What the card does not show."""
    noted = head.config.get("training", {})
    items: list[Text] = []
    for name, what in (("assay_type", "assay"), ("fragment_type", "fragment")):
        if name in noted:
            items.append(
                (f"Trained for one {what}, ", Code(noted[name]), ": its probabilities are not those of another.")
            )
    if "rows" in noted:
        items.append(
            f"Trained on {noted['rows']:,} sequences or rows; what is unlike them gets a probability all the same."
        )
    counts = noted.get("rows_by_class", [])
    if counts and min(counts) * 4 < max(counts):
        items.append("The classes of the training data are far from equal in number; accuracy alone says little.")
    if evaluation is None:
        items.append("This card holds no evaluation on data apart from the training data.")
    items.append("It is a statistical model. Nothing here shows that it is fit for a clinical decision.")
    items.append(
        "Loaders of plmhead give the same bits in every language; scikit-learn itself agrees within rounding, not by bits."
    )
    return Section("Limits", "limits", (Bullets(tuple(items)),))


def files(head: Head, digests: Sequence[tuple[str, str]], signature: Text) -> Section:
    """The files and their digests, and what is known of a signature."""
    rows: list[tuple[Text, ...]] = [(Code(name), Code(digest)) for name, digest in digests]
    version = "0, which holds no digests" if head.format_version == "0" else head.format_version
    checked = (
        "Every check of the format passed when this card was written." if head.verified else "It cannot be verified."
    )
    return Section(
        "Files",
        "files",
        (
            Table("SHA-256", ("file", "digest"), tuple(rows), left=2),
            Paragraph(f"Format version {version}. {checked}"),
            Paragraph((*_parts(signature), " Digests find damage; only a signature finds another author.")),
        ),
    )
