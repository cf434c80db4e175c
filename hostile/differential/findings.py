"""A disagreement made small and written down at once."""

import json
import shutil
from pathlib import Path

from . import inputs, queries
from .inputs import Input
from .judge import Verdict, judge, same
from .loaders import Loader


def smaller(loaders: list[Loader], seed: int, index: int, folder: Path) -> tuple[Input, list[Verdict]]:
    """The input without the mutations that the disagreement does not need."""
    keep = frozenset(range(inputs.steps(seed, index)))
    made = inputs.make(seed, index)
    verdicts = judge(loaders, [made], folder)[0]
    for step in sorted(keep):
        fewer = inputs.make(seed, index, keep - {step})
        tried = judge(loaders, [fewer], folder)[0]
        if not same(tried):
            keep, made, verdicts = keep - {step}, fewer, tried
    return made, verdicts


def save(folder: Path, seed: int, made: Input, names: list[str], verdicts: list[Verdict]) -> Path:
    """The two files, the matrices and what each loader said, in a folder of their own."""
    out = folder / f"{seed}-{made.index}"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with (out / "model.npz").open("wb") as file:
        file.write(made.npz)
        if made.pad:
            file.truncate(made.pad)
    (out / "model_config.json").write_bytes(made.config)
    asked = [queries.request(out, query, "m1") for query in made.queries]
    said = {name: vars(verdict) for name, verdict in zip(names, verdicts, strict=True)}
    report = {"seed": seed, "index": made.index, "mutations": made.mutations, "queries": asked, "loaders": said}
    (out / "finding.json").write_text(json.dumps(report, indent=1, default=str) + "\n")
    return out


def short(names: list[str], verdicts: list[Verdict]) -> str:
    """One line: what each loader says first, where they differ."""
    for part in ("load", "describe", "predictions"):
        said = [getattr(verdict, part) for verdict in verdicts]
        if any(one != said[0] for one in said[1:]) or part == "predictions":
            return "; ".join(f"{name}: {str(one)[:160]}" for name, one in zip(names, said, strict=True))
    raise AssertionError


def every(names: list[str], verdicts: list[Verdict]) -> str:
    """A line a loader: its whole verdict."""
    return "\n".join(f"{name}: {json.dumps(vars(verdict))}" for name, verdict in zip(names, verdicts, strict=True))
