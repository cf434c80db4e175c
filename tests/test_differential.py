"""The differential fuzzer sees what it is for: against a loader with a planted bug, the others disagree."""

from __future__ import annotations

import json
import sys
from operator import itemgetter
from pathlib import Path
from random import Random

import pytest
from conformance.proof.catalogue import applied, bugs
from conformance.proof.mutants import Workshop
from hostile.differential import __main__ as program
from hostile.differential import campaign, inputs, pool, text_faults
from hostile.differential.campaign import Settings, Totals, Worker
from hostile.differential.phases import PHASES, phase

PYTHON, RUST, JAVASCRIPT = program.COMMANDS

#: A bug in each part of a loader, from the tables of the planted-bug proof.
PLANTED = (
    "unknown-in-root-only",
    "seal-form-lenient",
    "text-length-in-utf16",
    "min-reader-ignored",
    "class-weight-names-unchecked",
)

#: Loaders that are wrong about one thing after all checks, by the line that they change in an answer.
LIES = {
    "a bit of a score": 'answer["decision"] = [f"{int(bits, 16) ^ 1:016x}" for bits in answer["decision"]]',
    "a pointer": 'answer["error"]["where"] += "/0" if answer["error"]["code"] == "FIELD_TYPE" else ""',
    "a code": 'answer["error"]["code"] = answer["error"]["code"].replace("ZIP_LOCAL", "ZIP_CENTRAL")',
    "a label": 'answer["labels"] = [{**label, "t": "int"} for label in answer["labels"]]',
    "a crash": 'sys.exit(3) if answer["error"]["code"] == "NPY_HEADER" else 0',
    "no answer": 'time.sleep(9) if answer["error"]["code"] == "NPY_DTYPE" else 0',
}
LIAR = """
import json, sys, time
from plmhead.testee import Testee
testee = Testee()
for line in sys.stdin:
    request = json.loads(line)
    answer = {{"id": request["id"], **testee.answer(request)}}
    try:
        {lie}
    except KeyError:
        pass
    print(json.dumps(answer), flush=True)
"""


def disagreements(
    tmp_path: Path, commands: tuple[str, ...], count: int, timeout: float = 20
) -> tuple[Totals, list[str]]:
    settings = Settings(3, commands, tmp_path / "found", timeout)
    worker = Worker(settings, str(tmp_path))
    totals, lines = Totals(), []
    try:
        for first in range(0, count, 40):
            new, found = worker.chunk(first, 40)
            totals.add(new)
            lines += found
            if found:
                break
    finally:
        campaign.remove(worker)
    return totals, lines


@pytest.mark.parametrize("language", ["python", "javascript"])
@pytest.mark.parametrize("slug", PLANTED)
def test_a_planted_bug_is_a_disagreement(tmp_path: Path, language: str, slug: str) -> None:
    shop = Workshop(tmp_path / "shop")
    edits = bugs()[slug].edits[language]
    command, _ = shop.made(language, slug, applied(shop.original[language], edits))
    _, lines = disagreements(tmp_path, (RUST, command), 1500)
    assert lines, f"{slug} in the {language} loader was not seen"


@pytest.mark.parametrize("what", LIES)
def test_a_lie_is_a_disagreement(tmp_path: Path, what: str) -> None:
    liar = tmp_path / "liar.py"
    liar.write_text(LIAR.format(lie=LIES[what]), encoding="utf-8")
    _, lines = disagreements(tmp_path, (RUST, f"{sys.executable} {liar}"), 1000, timeout=2)
    assert lines, f"{what} was not seen"
    folder = next((tmp_path / "found").iterdir())
    finding = json.loads((folder / "finding.json").read_text(encoding="utf-8"))
    made = inputs.make(3, finding["index"])
    assert len(finding["mutations"]) <= len(made.mutations)
    assert len(set(map(str, finding["loaders"].values()))) == 2
    assert (folder / "model.npz").exists()


def test_loaders_agree_and_every_phase_is_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "state.json"
    options = ["--jobs", "2", "--json", "--seed", "5", "--found", str(tmp_path), "--resume", str(state)]
    assert program.main(["--inputs", "600", *options]) == 0
    assert program.main(["--inputs", "1000", *options]) == 0  # goes on where the first run stopped
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{"))
    assert (first["inputs"], second["inputs"]) == (600, 1000)
    assert all(second["reached"][name] >= 50 for name in PHASES)
    assert sum(n for _, n in second["accepted"]) >= 10
    assert 20 <= second["unsealed"] <= 80


def test_every_mutation_works_on_what_an_earlier_one_has_left() -> None:
    """Files cut to any length: a mutation may find no end record, or nothing at all."""
    for _, table in inputs.AREAS:
        for _, mutation in table:
            for length in (0, 1, 21, 22, 40, 400):
                rng = Random(f"{mutation.__name__}/{length}")
                pair = pool.fork(pool.base(1, rng.randrange(pool.BASES)))
                cut = itemgetter(slice(length))
                pair.edit_npz.append(cut)
                text_faults.before_seal(cut, pair)
                mutation(rng, pair)
                inputs.files(pair)


def test_an_input_is_a_function_of_its_seed_and_number() -> None:
    one, again = inputs.make(11, 77), inputs.make(11, 77)
    assert (one.npz, one.config, one.queries) == (again.npz, again.config, again.queries)
    assert any(inputs.make(11, 77).config != inputs.make(12, 77 + k).config for k in range(3))


def test_codes_of_two_sections_are_told_apart_by_their_place() -> None:
    assert phase("FIELD_MISSING", "/min_reader") == "version"
    assert phase("FIELD_MISSING", "/config_sha256") == "seal"
    assert phase("FIELD_MISSING", "/C") == "fields"
    assert phase("ZIP_CRC", "coef.npy") == "container"
