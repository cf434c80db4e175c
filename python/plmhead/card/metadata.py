"""The front matter of README.md: what model hubs read, in the words of huggingface_hub's ModelCardData."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from ..errors import InputError
from ..head import Head
from .about import SCORES
from .document import printable

_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)?")
_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")
#: What the hubs call the scores that we do.
_HUB_SCORES = {"mcc": "matthews_correlation", "brier": "brier_score"}


@dataclass(frozen=True)
class Publication:
    """What the artifact cannot know: the licence of the weights, and the data sets' identifiers on a hub."""

    license: str = "unknown"
    datasets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _LICENSE.fullmatch(self.license):
            message = f"found {self.license!r}, expected a hub's identifier of a licence, such as apache-2.0"
            raise InputError("ARGUMENT", "--license", message)
        for name in self.datasets:
            if not _ID.fullmatch(name):
                raise InputError("ARGUMENT", "--dataset", f"found {name!r}, expected an identifier such as owner/name")


def metadata(head: Head, name: str, found: dict[str, Any] | None, publication: Publication) -> dict[str, object]:
    """The members in their order; those without a value are left out. `found` is the evaluation, where there is one."""
    contract = head.config.get("embedding")
    task = "text-classification" if contract else "tabular-classification"
    results = [*_cross_validated(head, task), *_evaluated(found, task)]
    members = {
        "library_name": "plmhead",
        "base_model": _base_model(head),
        "pipeline_tag": task,
        "license": publication.license,
        "tags": _tags(head),
        "datasets": list(publication.datasets),
        "metrics": sorted({metric["type"] for result in results for metric in result["metrics"]}),
        "model-index": [{"name": printable(name), "results": results}] if results else [],
    }
    return {member: value for member, value in members.items() if value}


def _base_model(head: Head) -> str | None:
    """The checkpoint, where its name is that of a hub; the shipped encoders and folders are on none."""
    name = head.config.get("esm_model")
    # Version 0 holds any string.
    if not name or "/" not in name or not _ID.fullmatch(name) or name.startswith("plmhead/"):
        return None
    return str(name)


def _tags(head: Head) -> list[str]:
    contract = head.config.get("embedding")
    family = [contract["family"]] if contract else []
    return ["plmhead", "protein-language-model", "logistic-regression", "biology", *family]


def _cross_validated(head: Head, task: str) -> list[dict[str, Any]]:
    cross = head.config.get("metrics", {}).get("cross_validation")
    dataset = head.config.get("training", {}).get("dataset")
    if cross is None or dataset is None:
        return []
    means = {name: score["mean"] for name, score in cross["scores"].items()}
    return _result(task, dataset, means, f"mean of {cross['folds']}-fold cross-validation")


def _evaluated(found: dict[str, Any] | None, task: str) -> list[dict[str, Any]]:
    if found is None:
        return []
    return _result(task, found["data"]["file"], {name: score["value"] for name, score in found["scores"].items()}, "")


def _result(task: str, dataset: str, values: dict[str, float | None], note: str) -> list[dict[str, Any]]:
    """One entry of the model index; scores under names that the hubs do not know are left out."""
    scores = [
        {
            "type": _HUB_SCORES.get(name, name),
            "value": value,
            "name": SCORES[name] + (f", {note}" if note else ""),
        }
        for name, value in values.items()
        if name in SCORES and value is not None
    ]
    shown = printable(dataset)
    about = {"type": printable(PurePath(dataset).stem), "name": shown}
    return [{"task": {"type": task}, "dataset": about, "metrics": scores}] if scores else []
