"""Hostile bytes: any pair gives a head or a FormatError, and nothing else; what is accepted scores."""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plmhead
from plmhead import FormatError, from_bytes

BASES = Path(__file__).resolve().parents[1] / "conformance" / "cases" / "base"
PAIRS = [
    ((folder / "model.npz").read_bytes(), (folder / "model_config.json").read_bytes())
    for folder in sorted(BASES.iterdir())
]


def attempt(npz: bytes, config: bytes) -> plmhead.Head | None:
    try:
        return from_bytes(npz, config)
    except FormatError as caught:
        fault = caught
    assert fault.code in plmhead.errors.registry()
    assert str(fault)
    return None


def test_there_are_bases():
    assert len(PAIRS) >= 4
    assert all(attempt(*pair) for pair in PAIRS)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_any_bytes(npz, config):
    assert attempt(npz, config) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


def reseal(root: dict, npz: bytes) -> bytes:
    body = {name: value for name, value in root.items() if name != "config_sha256"}
    if "npz_sha256" in body:
        body["npz_sha256"] = hashlib.sha256(npz).hexdigest()
    text = json.dumps(body, indent=1)[:-2] + ",\n"
    head = text.encode("utf-8", "surrogatepass")
    return head + b'"config_sha256": "' + hashlib.sha256(head).hexdigest().encode() + b'"\n}\n'


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PAIRS), st.data())
def test_any_value_at_any_place_of_a_sealed_config(pair, data):
    npz, config = pair
    root = json.loads(config)
    parent = root
    while True:
        name = data.draw(
            st.sampled_from(sorted(parent)) if isinstance(parent, dict) else st.integers(0, len(parent) - 1)
        )
        child = parent[name]
        if not child or not isinstance(child, (dict, list)) or data.draw(st.booleans()):
            break
        parent = child
    parent[name] = data.draw(json_values)
    head = attempt(npz, reseal(root, npz))
    if head is not None:
        assert np.isfinite(head.decision_function(np.zeros((1, head.n_features_in)))).all()


def mend(npz: bytearray) -> bytes:
    """Corrects each stored CRC-32 where the local headers still lead from one member to the next."""
    at, crcs = 0, []
    while npz[at : at + 4] == b"PK\x03\x04":
        size = int.from_bytes(npz[at + 18 : at + 22], "little")
        start = (
            at
            + 30
            + int.from_bytes(npz[at + 26 : at + 28], "little")
            + int.from_bytes(npz[at + 28 : at + 30], "little")
        )
        if start + size > len(npz):
            return bytes(npz)
        crcs.append(zlib.crc32(npz[start : start + size]).to_bytes(4, "little"))
        npz[at + 14 : at + 18] = crcs[-1]
        at = start + size
    for crc in crcs:
        if npz[at : at + 4] != b"PK\x01\x02":
            break
        npz[at + 16 : at + 20] = crc
        at += 46 + int.from_bytes(npz[at + 28 : at + 30], "little")
    return bytes(npz)


@pytest.mark.parametrize("mending", [False, True], ids=["raw", "mended"])
@pytest.mark.parametrize("pair", PAIRS, ids=range(len(PAIRS)))
def test_flipped_and_cut_bytes(pair, mending):
    npz, config = pair
    root, dice = json.loads(config), random.Random(0)
    for _ in range(300):
        changed = bytearray(npz)
        for _ in range(dice.choice([1, 1, 2, 4])):
            changed[dice.randrange(min(len(changed), 900))] = dice.randrange(256)
        if dice.random() < 0.1:
            del changed[dice.randrange(len(changed)) :]
        data = mend(changed) if mending else bytes(changed)
        sealed = reseal(root, data) if "format" in root else config
        head = attempt(data, sealed)
        if head is not None:
            head.predict(np.zeros((1, head.n_features_in)))


def test_every_single_bit_of_the_pair_is_guarded():
    """A verified pair: no flipped bit passes, in either file."""
    npz, config = next(pair for pair in PAIRS if b'"format"' in pair[1])
    for original, position in ((npz, 0), (config, 1)):
        for bit in range(0, 8 * len(original), 7):  # every byte, each bit position in turn
            changed = bytearray(original)
            changed[bit // 8] ^= 1 << (bit % 8)
            assert attempt(*((bytes(changed), config) if position == 0 else (npz, bytes(changed)))) is None
