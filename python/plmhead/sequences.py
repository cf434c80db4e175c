"""Protein sequences as the embedding contract reads them: SPEC.md sections 15 (M1 to M3) and 16.

Text in, token ids out; no files and no model. `X` stands for an unknown residue that the user wrote: nothing here turns
another character into it.
"""

import re
from collections.abc import Sequence

import numpy as np

from .errors import InputError

#: The 33 tokens of ESM-1b, ESM-1v and ESM-2; a token's id is its index.
ALPHABET = (
    "<cls>", "<pad>", "<eos>", "<unk>",
    "L", "A", "G", "V", "S", "E", "R", "T", "I", "D", "P", "K", "Q", "N", "F", "Y", "M", "H", "W", "C",
    "X", "B", "U", "Z", "O", ".", "-", "<null_1>", "<mask>",
)  # fmt: skip
BEGIN, PAD, END = 0, 1, 2

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
MAX_RESIDUES = 1022

ASCII_SPACE = " \t\n\r\v\f"
_FOREIGN = re.compile(f"[^{RESIDUES}X{RESIDUES.lower()}x]")
#: Token ids by the byte of a letter; 0 for bytes that no normalised sequence holds.
ID_OF_BYTE = np.zeros(256, dtype=np.uint8)
for _letter in RESIDUES + "X":
    ID_OF_BYTE[ord(_letter)] = ALPHABET.index(_letter)


class SequenceError(InputError):
    """A sequence that the embedding contract refuses; `position` is that of a character which is no residue, from 1, or None."""

    position: int | None = None


def normalise(text: str, where: str = "sequence", too_long: str = "error") -> str:
    """Return `text` stripped, in upper case and of 1 to 1,022 residues (M1, M3).

    Only the end of a sequence is ever cut, and only when `too_long` is "truncate". `where` names the sequence in an
    error, for example "/3" or "heavy.csv". Positions count from 1, after the white space is stripped.

    Raises SequenceError, an InputError: SEQUENCE_EMPTY, SEQUENCE_LETTER, SEQUENCE_LENGTH; InputError ENCODER for another `too_long`.

    >>> normalise(" evqlv\\n")
    'EVQLV'
    """
    check_too_long(too_long)
    stripped = text.strip(ASCII_SPACE)
    if not stripped:
        raise SequenceError("SEQUENCE_EMPTY", where, "found no residue, expected at least one")
    # Before upper(): it maps letters outside ASCII onto amino acids (U+017F to S, U+0131 to I).
    foreign = _FOREIGN.search(stripped)
    if foreign:
        raise _foreign_letter(where, foreign.group(), foreign.start() + 1)
    if len(stripped) > MAX_RESIDUES and too_long == "error":
        raise SequenceError(
            "SEQUENCE_LENGTH",
            where,
            f"found {len(stripped)} residues, expected at most {MAX_RESIDUES}",
        )
    return stripped[:MAX_RESIDUES].upper()


def check_too_long(too_long: str) -> None:
    """Raise InputError ENCODER unless `too_long` is "error" or "truncate"."""
    if too_long not in ("error", "truncate"):
        raise InputError("ENCODER", "too_long", f'found {too_long!r}, expected "error" or "truncate"')


def tokenize(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return (input_ids, attention_mask) of normalised sequences, both int64 of shape (m, longest + 2).

    A row is 0, one id per residue, 2, then padding (1); the mask is 1 for all but padding (M2). No sequences give
    shape (0, 2). The text must come from `normalise`.
    """
    width = max((len(sequence) for sequence in sequences), default=0) + 2
    input_ids = token_rows(sequences, len(sequences), width).astype(np.int64)
    return input_ids, (input_ids != PAD).astype(np.int64)


def token_rows(sequences: Sequence[str], rows: int, length: int) -> np.ndarray:
    """Token ids (M2) of normalised sequences, uint8 of shape (rows, length): padding behind each.

    Rows behind the last sequence are dummies: one residue, so that a model has something finite to make of them. All
    residues are looked up at once, in a table of 256 bytes.
    """
    ids = np.full((rows, length), PAD, dtype=np.uint8)
    ids[:, 0] = BEGIN
    count = len(sequences)
    residues = np.fromiter(map(len, sequences), dtype=np.int64, count=count)
    columns = np.arange(length)
    inside = (columns >= 1) & (columns <= residues[:, np.newaxis])
    ids[:count][inside] = ID_OF_BYTE[np.frombuffer("".join(sequences).encode("ascii"), dtype=np.uint8)]
    ids[np.arange(count), residues + 1] = END
    if rows > count:
        ids[count:, 1:3] = ID_OF_BYTE[ord(RESIDUES[0])], END
    return ids


def golden_sequences() -> list[str]:
    """Return the six synthetic sequences of section 16 on which an encoder proves itself."""
    return ["M", RESIDUES, "MXAXXCDEFGHIKLMNPQRSTVWX", _golden(3, 119), _golden(4, 121), _golden(5, 1022)]


def _golden(j: int, length: int) -> str:
    """The letters g(j, length) of section 16."""
    hashes = ((1000 * j + i) * 2654435761 % 2**32 for i in range(length))
    return "".join(RESIDUES[(value >> 16) % 20] for value in hashes)


def _foreign_letter(where: str, character: str, position: int) -> SequenceError:
    if character == "*":
        remedy = "remove the stop mark"
    elif character in ".-":
        remedy = "remove the gaps of the alignment"
    elif character in "BJOUZbjouz":
        remedy = "write X for a residue that is not one of the twenty"
    else:
        remedy = None
    found = f"found {character!r} (U+{ord(character):04X}) at position {position}"
    error = SequenceError("SEQUENCE_LETTER", where, f"{found}, expected one of {RESIDUES} or X", remedy)
    error.position = position
    return error
