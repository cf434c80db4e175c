"""The repository agrees with itself: what must be said twice is compared here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import plmhead
from plmhead import config
from plmhead.sequences import ALPHABET, golden_sequences

REPOSITORY = Path(__file__).resolve().parents[1]
SPEC = (REPOSITORY / "spec/v1/SPEC.md").read_text(encoding="utf-8")
ERRORS = json.loads((REPOSITORY / "spec/v1/errors.json").read_text(encoding="utf-8"))["errors"]
LOADER_PHASES = {
    "files", "size", "text", "version", "seal", "fields", "npz_digest", "container", "npy", "arrays", "agreement",
    "environment", "self_test", "input",
}  # fmt: skip
LOADER_CODES = [entry["code"] for entry in ERRORS if entry["phase"] in LOADER_PHASES]


def tracked_files() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [REPOSITORY / name for name in done.stdout.split("\0") if name and (REPOSITORY / name).exists()]


def test_versions_agree():
    cargo = tomllib.loads((REPOSITORY / "rust-loader/Cargo.toml").read_text())["package"]["version"]
    package = json.loads((REPOSITORY / "js-loader/package.json").read_text())["version"]
    assert plmhead.__version__ == cargo == package
    assert f"packages {cargo}" in (REPOSITORY / "CHANGELOG.md").read_text()
    versions = json.loads((REPOSITORY / "spec/versions.json").read_text())
    assert versions["writes"] == "{}.{}".format(*config.READER_VERSION)


def test_the_error_registry_is_well_formed():
    assert len({entry["code"] for entry in ERRORS}) == len(ERRORS)
    for entry in ERRORS:
        assert re.fullmatch(r"[A-Z][A-Z0-9_]+", entry["code"])
        assert entry["summary"]
        assert not entry["summary"].endswith(".")


def test_every_loader_code_stands_in_the_specification():
    for code in LOADER_CODES:
        assert f"`{code}`" in SPEC, code


def test_the_specification_names_no_unknown_code():
    known = {entry["code"] for entry in ERRORS}
    named = set(re.findall(r"`([A-Z]{2,}(?:_[A-Z0-9]+)*)`", SPEC)) - {"CAPITALS"}
    assert {name for name in named if "_" in name or name in known} <= known


@pytest.mark.parametrize("path", ["rust-loader/src/errors.rs", "js-loader/src/errors.js"])
def test_the_loaders_know_every_code_and_no_other(path):
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    found = set(re.findall(r"\b([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+|ENVIRONMENT|THRESHOLD)\b", text))
    known = {entry["code"] for entry in ERRORS}
    assert set(LOADER_CODES) <= found
    assert {
        word for word in found if word.split("_")[0] in {"JSON", "FIELD", "ZIP", "NPY", "ARRAY", "LABEL", "CONFIG"}
    } <= known


def test_the_field_table_is_the_specifications():
    rows = re.findall(r"^\| ([0-9]+) \| `(\w+)` \| (new)? ?\|", SPEC, re.MULTILINE)
    assert [name for _, name, _ in rows] == [field.name for field in config.ROOT_FIELDS]
    assert [int(number) for number, _, _ in rows] == list(range(1, len(rows) + 1))
    assert {name for _, name, new in rows if new} == config.NEW_NAMES | {"format"}


def test_the_schema_has_the_same_members_in_the_same_order():
    schema = json.loads((REPOSITORY / "spec/v1/config.schema.json").read_text())
    assert list(schema["properties"]) == [field.name for field in config.ROOT_FIELDS]
    assert schema["required"] == [field.name for field in config.ROOT_FIELDS if field.required]


def test_the_golden_sequences_and_the_alphabet_are_the_specifications():
    sequences = golden_sequences()
    assert [f"`{sequence}`" in SPEC for sequence in sequences[:3]] == [True] * 3
    prefixes = re.findall(r"g\(\d, \d+\) begins `([A-Z]+)`", SPEC)
    assert [sequence[: len(prefix)] for sequence, prefix in zip(sequences[3:5], prefixes, strict=True)] == prefixes
    assert [len(sequence) for sequence in sequences] == [1, 20, 24, 119, 121, 1022]
    assert "`" + " ".join(ALPHABET) + "`" in SPEC


def test_limits_are_the_specifications():
    from plmhead import npy, zip  # noqa: A004

    for number in (config.MAX_CONFIG_BYTES, zip.MAX_NPZ_BYTES, npy.MAX_FEATURES, npy.MAX_COEFFICIENTS, npy.MAX_CLASSES):
        assert f"{number:,}" in SPEC


def test_links_between_pages_lead_somewhere():
    for page in [path for path in tracked_files() if path.suffix == ".md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), (page, target)


def test_no_path_of_a_machine_is_committed():
    pattern = re.compile(rb"/(?:work|farm)/[A-Za-z.]|/tmp/[a-z]")
    for path in tracked_files():
        if path.suffix in {".npz", ".bin", ".pkl", ".onnx"} or path == Path(__file__):
            continue
        assert not pattern.search(path.read_bytes()), path


@pytest.mark.parametrize(
    "name", ["sklearn", "onnxruntime", "torch", "scipy", "jsonschema", "transformers", "onnx", "huggingface_hub"]
)
def test_importing_plmhead_imports_no_heavy_library(name):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import plmhead"], capture_output=True, text=True, check=True
    )
    assert "plmhead.head" in done.stderr
    assert not re.search(rf"\| +{name}\b", done.stderr)
