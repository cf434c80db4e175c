"""What each loader made of an input, and whether all made the same of it."""

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from conformance.judge import DESCRIBE, OUTPUTS

from . import queries
from .inputs import Input
from .loaders import DiedError, Loader

OFFSET = re.compile(r"(config|npz)@[0-9]+")

Answer = dict[str, object]


@dataclass
class Verdict:
    """One loader's answers to one input: a load, and where it was accepted a description and scores. Equal verdicts agree."""

    load: Answer
    describe: Answer = field(default_factory=dict)
    predictions: list[Answer] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        return self.load.get("ok") is True


def outcome(answer: Answer, members: tuple[str, ...] = ()) -> Answer:
    """What counts of an answer. An offset counts as its file: offsets are not normative."""
    if answer.get("ok") is True:
        return {"ok": True, **{name: answer.get(name) for name in members}}
    error = answer.get("error")
    if not isinstance(error, dict):
        return {"odd": answer}
    where = error.get("where")
    if isinstance(where, str) and OFFSET.fullmatch(where):
        where = where.partition("@")[0] + "@"
    return {"code": error.get("code"), "where": where}


def same(verdicts: list[Verdict]) -> bool:
    """Whether all agree, and none crashed, hung, skipped or left the protocol."""
    first = verdicts[0]
    odd = any("odd" in answer for v in verdicts for answer in (v.load, v.describe, *v.predictions))
    return not odd and all(verdict == first for verdict in verdicts[1:])


def write(folder: Path, made: Input) -> dict[str, object]:
    """The input as two files; the request to load them."""
    slot = folder / f"{made.index % 1000}"
    npz, config = Path(f"{slot}.npz"), Path(f"{slot}_config.json")
    npz.write_bytes(made.npz)
    if made.pad:
        with npz.open("r+b") as file:
            file.truncate(made.pad)
    config.write_bytes(made.config)
    return {"op": "load", "npz": str(npz), "config": str(config)}


def judge(loaders: list[Loader], batch: list[Input], folder: Path) -> list[list[Verdict]]:
    """For each input, the verdict of each loader. After a crash the inputs of the batch are tried one by one."""
    loads = [write(folder, made) for made in batch]
    try:
        by_loader = together(loaders, batch, loads, folder)
    except DiedError:
        for loader in loaders:  # the others have answers under way
            loader.kill()
        by_loader = [
            [alone(loader, made, load, folder) for made, load in zip(batch, loads, strict=True)] for loader in loaders
        ]
    for made, load in zip(batch, loads, strict=True):
        if made.pad:
            Path(str(load["npz"])).unlink()
    return [list(verdicts) for verdicts in zip(*by_loader, strict=True)]


def together(
    loaders: list[Loader], batch: list[Input], loads: list[dict[str, object]], folder: Path
) -> list[list[Verdict]]:
    """Every loader works while the others do; each is asked twice: to load, and about what it accepted."""
    for loader in loaders:
        loader.send(loads)
    loaded = [loader.receive(len(loads)) for loader in loaders]
    asked = []
    for loader, answers in zip(loaders, loaded, strict=True):
        loader.executions += len(answers)
        asked.append(follow_ups(batch, answers, folder))
        loader.send(asked[-1])
    replies = [loader.receive(len(requests)) for loader, requests in zip(loaders, asked, strict=True)]
    return [collected(batch, answers, reply) for answers, reply in zip(loaded, replies, strict=True)]


def follow_ups(batch: list[Input], answers: list[Answer], folder: Path) -> list[dict[str, object]]:
    requests = []
    for made, answer in zip(batch, answers, strict=True):
        if answer.get("ok") is True:
            model = str(answer.get("model"))
            scores = [queries.request(folder, query, model) for query in made.queries]
            requests += [{"op": "describe", "model": model}, *scores, {"op": "unload", "model": model}]
    return requests


def collected(batch: list[Input], answers: list[Answer], reply: list[Answer]) -> list[Verdict]:
    rest, verdicts = iter(reply), []
    for made, answer in zip(batch, answers, strict=True):
        verdict = Verdict(outcome(answer))
        if verdict.accepted:
            verdict.describe = outcome(next(rest), DESCRIBE)
            verdict.predictions = [outcome(next(rest), OUTPUTS) for _ in made.queries]
            next(rest)  # unload
        verdicts.append(verdict)
    return verdicts


def alone(loader: Loader, made: Input, load: dict[str, object], folder: Path) -> Verdict:
    try:
        return together([loader], [made], [load], folder)[0][0]
    except DiedError as fault:
        with contextlib.suppress(DiedError, OSError):
            loader.kill()
        return Verdict({"odd": str(fault)})
