"""The C header says what the crate and the specification say. What needs a compiler is in `make capi`."""

from __future__ import annotations

import json
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CRATE = REPOSITORY / "rust-loader"
HEADER = (CRATE / "include/plmhead.h").read_text(encoding="utf-8")
RUST = "\n".join(path.read_text(encoding="utf-8") for path in sorted((CRATE / "src/capi").glob("*.rs")))
ERRORS = json.loads((REPOSITORY / "spec/v1/errors.json").read_text(encoding="utf-8"))["errors"]
#: A number is part of the interface: it is never given to another code, and none of these changes.
FIRST, LAST = ("FILE_UNREADABLE", 1), ("ASSAY_TYPE", 48)


def loader_codes() -> list[str]:
    """The codes that the crate can report."""
    table = (CRATE / "src/errors.rs").read_text(encoding="utf-8").split("\ncodes! {")[1].split("\n}")[0]
    return re.findall(r'^    \w+ "([A-Z_]+)"', table, re.MULTILINE)


def statuses() -> dict[str, int]:
    text = HEADER.split("typedef int32_t plmhead_status;")[1].split("};")[0]
    found = re.findall(r"PLMHEAD_([A-Z_]+) = (-?\d+)", text)
    assert len(dict(found)) == len(found)
    return {name: int(number) for name, number in found}


def test_the_statuses_are_the_codes_of_the_registry():
    numbers = statuses()
    own = {"OK": 0, "USAGE": -1, "INTERNAL": -2}
    assert own.items() <= numbers.items()
    codes = {name: number for name, number in numbers.items() if name not in own}
    registered = [entry["code"] for entry in ERRORS]
    assert set(codes) == set(loader_codes())
    assert set(codes) <= set(registered)
    assert not set(own) & set(registered)
    assert sorted(codes.values()) == list(range(1, len(codes) + 1))
    assert {FIRST, LAST} <= set(codes.items())


def test_the_numbers_are_those_of_the_crate():
    table = RUST.split("const NUMBERED")[1].split("];")[0]
    variants = re.findall(r"Code::(\w+),", table)
    words = [re.sub(r"(?<!^)(?=[A-Z])", "_", variant).upper() for variant in variants]
    by_number = sorted((number, name) for name, number in statuses().items() if number > 0)
    assert [name for _, name in by_number] == words


def test_the_header_declares_what_the_crate_exports():
    declared = set(re.findall(r"^PLMHEAD_API [^(]*?(plmhead_\w+)\(", HEADER, re.MULTILINE))
    exported = set(re.findall(r'extern "C" fn (plmhead_\w+)\(', RUST))
    for_tests = {name for name in exported if name.startswith("plmhead_test_")}
    assert declared == exported - for_tests
    assert len(declared) > 30


def test_every_function_and_constant_of_the_header_is_explained():
    unexplained = [
        match[1]
        for match in re.finditer(r"^PLMHEAD_API [^(]*?(plmhead_\w+)\(", HEADER, re.MULTILINE)
        if not HEADER[: match.start()].rstrip().endswith(("*/", ";"))
    ]
    assert unexplained == []


def test_the_versions_of_the_interface_agree():
    header = re.search(r"^#define PLMHEAD_ABI_VERSION (\d+)$", HEADER, re.MULTILINE)
    rust = re.search(r"const ABI_VERSION: u32 = (\d+);", RUST)
    assert header is not None
    assert rust is not None
    assert header[1] == rust[1]


def test_enumerations_have_the_numbers_of_the_crate():
    """Links, labels and values: the names of the header end with those of the Rust constants."""
    for prefix, file in (("PLMHEAD_", "head.rs"), ("PLMHEAD_LABEL_", "head.rs"), ("PLMHEAD_VALUE_", "config.rs")):
        text = (CRATE / "src/capi" / file).read_text(encoding="utf-8")
        constants = dict(re.findall(r"^const ([A-Z]+): i32 = (\d+);", text, re.MULTILINE))
        found = dict(re.findall(rf"^  {prefix}([A-Z]+) = (\d+)", HEADER.split("/* ---- Loading")[1], re.MULTILINE))
        assert found
        assert found.items() <= constants.items()


def test_unsafe_stays_in_the_c_abi_and_the_kernels():
    """Three blocks in the kernels, each with its reason: two loops for processors that have them, and a hint."""
    folder = CRATE / "src"
    texts = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.rs")}
    outside = {name: text for name, text in texts.items() if not name.startswith("capi/")}
    assert [name for name, text in outside.items() if re.search(r"\bunsafe\b(?!_code)", text)] == ["kernels.rs"]
    kernels = texts["kernels.rs"]
    assert (
        len(re.findall(r"\bunsafe\b(?!_code)", kernels))
        == kernels.count("unsafe {")
        == kernels.count("// SAFETY: ")
        == 3
    )
    assert {
        name: text.count("allow(unsafe_code)") for name, text in outside.items() if "allow(unsafe_code)" in text
    } == {
        "kernels.rs": 2,
        "lib.rs": 1,
    }
    assert "#![deny(unsafe_code)]" in texts["lib.rs"]
    assert "deny(clippy::undocumented_unsafe_blocks" in RUST
    assert "deny(clippy::undocumented_unsafe_blocks" in kernels
