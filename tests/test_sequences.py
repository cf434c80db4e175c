"""Sequences: normalisation, tokens and the golden six, against the text of the specification."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plmhead.errors import InputError
from plmhead.sequences import ALPHABET, RESIDUES, golden_sequences, normalise, tokenize

SPEC = (Path(__file__).resolve().parents[1] / "spec" / "v1" / "SPEC.md").read_text(encoding="utf-8")
residues = st.text(RESIDUES + "X", min_size=1, max_size=60)


def refused(text: str, **arguments: str) -> InputError:
    with pytest.raises(InputError) as caught:
        normalise(text, **arguments)
    return caught.value


# --- normalise --------------------------------------------------------------------------------------------------------


def test_strips_ascii_white_space_and_upper_cases():
    assert normalise(" \t\r\n\v\fevqX\n") == "EVQX"


@pytest.mark.parametrize("text", ["", " ", "\n\t\r\v\f "])
def test_nothing_left_is_empty(text):
    error = refused(text, where="/7")
    assert (error.code, error.where) == ("SEQUENCE_EMPTY", "/7")


@pytest.mark.parametrize("character", [*"BJOUZbjouz*.-1<", " ", "\n", "\0", "\x1c", "\u00a0", "\ufeff"])
def test_any_other_character_is_named_with_its_position(character):
    error = refused(f"MK{character}A", where="/0")
    assert (error.code, error.where) == ("SEQUENCE_LETTER", "/0")
    assert f"found {character!r} (U+{ord(character):04X}) at position 3" in error.message


@pytest.mark.parametrize("character", ["\u017f", "\u0131", "\u00df", "\ufb01", "\uff21"])
def test_letters_that_unicode_would_upper_case_into_amino_acids_are_refused(character):
    assert refused(f"A{character}A").code == "SEQUENCE_LETTER"


def test_unicode_white_space_is_not_stripped():
    assert "position 3" in refused("MK\u2028").message
    assert "position 1" in refused("\x1fMK").message


def test_position_counts_after_the_strip_and_names_the_first():
    assert "'*' (U+002A) at position 2" in refused("  M*-").message


def test_an_error_says_what_mends_it():
    assert refused("MK*").remedy == "remove the stop mark"
    assert "X" in (refused("MKB").remedy or "")


def test_longest_sequence():
    assert normalise("A" * 1022) == "A" * 1022
    error = refused("A" * 1023, where="/2")
    assert (error.code, error.where) == ("SEQUENCE_LENGTH", "/2")
    assert "found 1023 residues, expected at most 1022" in error.message


def test_truncate_keeps_the_first_1022_residues():
    assert normalise("M" + "A" * 1022 + "W", too_long="truncate") == "M" + "A" * 1021
    assert refused("A" * 1022 + "*", too_long="truncate").code == "SEQUENCE_LETTER"


def test_another_rule_for_long_sequences_is_refused():
    error = refused("MK", too_long="cut")
    assert (error.code, error.where) == ("ENCODER", "too_long")


@given(residues, st.text(" \t\n\r\v\f", max_size=3))
def test_normalise_is_idempotent(text, space):
    once = normalise(space + text.lower() + space)
    assert once == text == normalise(once)


@given(st.text(max_size=20))
def test_any_text_gives_residues_or_our_error(text):
    legal = re.fullmatch(f"[ \\t\\n\\r\\v\\f]*[{RESIDUES}X{RESIDUES.lower()}x]+[ \\t\\n\\r\\v\\f]*", text)
    if legal:
        assert set(normalise(text)) <= set(RESIDUES + "X")
    else:
        assert refused(text).code in ("SEQUENCE_EMPTY", "SEQUENCE_LETTER")


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_alphabet_is_the_one_of_the_specification():
    printed = re.search(r"`(<cls> <pad> [^`]*)`", SPEC)
    assert printed
    assert tuple(printed.group(1).split()) == ALPHABET
    assert len(ALPHABET) == 33


def test_ids_are_the_ones_of_the_specification():
    rule = re.search(r"\*\*M2\*\*[^(]*", SPEC)
    assert rule
    printed = {letter: int(number) for letter, number in re.findall(r"\b([A-Z]) (\d+)\b", rule.group())}
    assert set(printed) == set(RESIDUES + "X")
    for letter, number in printed.items():
        assert tokenize([letter])[0].tolist() == [[0, number, 2]]


def test_tokens_of_a_batch():
    input_ids, attention_mask = tokenize(["LA", "MXAG"])
    assert input_ids.tolist() == [[0, 4, 5, 2, 1, 1], [0, 20, 24, 5, 6, 2]]
    assert attention_mask.tolist() == [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]]
    assert input_ids.dtype == attention_mask.dtype == np.int64


def test_tokens_of_nothing():
    assert tokenize([])[0].shape == (0, 2)


@given(st.lists(residues, min_size=1, max_size=6))
def test_tokens_lead_back_to_the_sequences(sequences):
    input_ids, attention_mask = tokenize(sequences)
    for sequence, ids, mask in zip(sequences, input_ids, attention_mask, strict=True):
        kept = [ALPHABET[i] for i in ids[mask == 1]]
        assert kept == ["<cls>", *sequence, "<eos>"]
        assert (ids[mask == 0] == 1).all()


# --- golden sequences -------------------------------------------------------------------------------------------------


def test_golden_sequences_are_the_ones_of_the_specification():
    golden = golden_sequences()
    section = SPEC[SPEC.index("## 16.") : SPEC.index("## 17.")]
    literals = re.findall(r"^\| \d \| `([A-Z]+)` \|", section, re.MULTILINE)
    assert golden[: len(literals)] == literals
    assert len(literals) == 3
    for j, length, prefix in re.findall(r"g\((\d), (\d+)\) begins `([A-Z]+)`", section):
        assert golden[int(j)].startswith(prefix)
        assert len(golden[int(j)]) == int(length)
    assert [len(sequence) for sequence in golden] == [1, 20, 24, 119, 121, 1022]


def test_golden_sequences_follow_the_formula():
    for j, sequence in enumerate(golden_sequences()[3:], 3):
        for i, letter in enumerate(sequence):
            assert letter == "ACDEFGHIKLMNPQRSTVWY"[((1000 * j + i) * 2654435761 % 2**32) // 2**16 % 20]


def test_golden_sequences_are_normalised():
    assert [normalise(sequence) for sequence in golden_sequences()] == golden_sequences()
