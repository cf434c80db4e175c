"""What coverage-guided fuzzing starts from, and that a crash is seen and kept. The tools come with `make fuzz-quick`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from hostile.fuzz import TARGETS, seeds
from hostile.fuzz import __main__ as program

REPOSITORY = Path(__file__).resolve().parents[1]
CASES = REPOSITORY / "conformance/cases"
needs_tools = pytest.mark.skipif(
    not (program.FOLDER / ".installed").exists(), reason="make fuzz-quick installs the tools"
)

#: A fault that throws where the loader should refuse: (file, old, new), by language.
PLANTED = {
    "python": ("python/plmhead/zip.py", "if record != end:", "if record != end and [][count]:"),
    "javascript": (
        "js-loader/src/zip.js",
        "if (entries.has(name)) throw",
        "if (entries.has(name)) null.x; if (false) throw",
    ),
}


def test_every_target_has_seeds_of_accepted_and_of_refused_cases() -> None:
    found = {target: [data for name, _, data in seeds.seeds() if name == target] for target in TARGETS}
    assert all(len(data) > 300 for data in found.values())
    assert all(len(set(data)) == len(data) for data in found.values())
    npz, config = ((CASES / "base/full" / file).read_bytes() for file in ("model.npz", "model_config.json"))
    assert bytes([seeds.RESEAL]) + len(config).to_bytes(3, "little") + config + npz in found["load_pair"]
    assert bytes([seeds.RESEAL]) + config in found["config_text"]
    first = {data[0] for data in found["npy_member"]}
    assert first >= {0, 1, 2, 3, 4, 8, 9, 10, 11, 12}


def test_dictionary_has_the_words_of_the_format_in_the_form_of_libfuzzer() -> None:
    lines = seeds.dictionary().splitlines()
    assert all(re.fullmatch(r'"(\\x[0-9a-f]{2})+"', line) for line in lines)
    words = {bytes.fromhex(line.strip('"').replace("\\x", "")) for line in lines}
    required = json.loads((REPOSITORY / "spec/v1/config.schema.json").read_text(encoding="utf-8"))
    assert b'"npz_sha256"' in words
    assert {f'"{name}"'.encode() for name in required["properties"]} <= words


@needs_tools
@pytest.mark.parametrize("language", PLANTED)
def test_a_planted_crash_is_seen_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    for part in ("python/plmhead", "js-loader/src", "spec/v1", "conformance/cases/base", f"hostile/fuzz/{language}"):
        skipped = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(REPOSITORY / part, tmp_path / part, ignore=skipped)
    if language == "javascript":
        modules = f"hostile/fuzz/{language}/node_modules"
        (tmp_path / modules).symlink_to(REPOSITORY / modules)
    file, old, new = PLANTED[language]
    source = (tmp_path / file).read_text(encoding="utf-8")
    assert source.count(old) == 1
    (tmp_path / file).write_text(source.replace(old, new), encoding="utf-8")
    seeds.write(program.FOLDER)
    monkeypatch.setattr(program, "HERE", tmp_path / "hostile/fuzz")
    monkeypatch.setattr(program, "REPOSITORY", tmp_path)
    outcome = program.attempt(language, "load_pair", 30)
    assert outcome.crashed, outcome.output[-3000:]
    kept = list((tmp_path / "hostile/fuzz/crashers/load_pair").iterdir())
    assert kept
    assert kept[0].name.startswith(language)
    assert program.report([outcome], {"load_pair": 1}, 1.0, False) == 1
    assert "fuzz: 1 targets" in capsys.readouterr().out
