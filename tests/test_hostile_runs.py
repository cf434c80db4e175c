"""Tampering, ceilings and load, in short; and that each of the three can fail."""

from __future__ import annotations

import io
import shutil
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hostile import resources, soak, tamper, typical
from hypothesis import given
from hypothesis import strategies as st

from plmhead import from_bytes

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHON = f"{sys.executable} -m plmhead testee"
RUST = REPOSITORY / "rust-loader/target/release/plmhead"
NODE = REPOSITORY / "js-loader/src/cli.js"


def built_loaders() -> list[str]:
    """The loaders that are built here; Python always is."""
    found = [PYTHON]
    if RUST.exists():
        found.append(f"{RUST} testee")
    if shutil.which("node"):
        found.append(f"node {NODE} testee")
    return found


def changed_testee(folder: Path, change: str) -> str:
    """Our own testee after one line of Python has changed it."""
    script = folder / "testee.py"
    script.write_text(
        f"import time, plmhead\nfrom plmhead import config, head, json, testee, zip\n{change}\ntestee.serve()\n"
    )
    return f"{sys.executable} {script}"


@pytest.fixture(scope="module")
def pair() -> typical.Pair:
    return typical.version_1()


# Tampering


def test_a_flipped_bit_of_the_typical_pair_is_refused_or_means_nothing(capsys):
    commands = built_loaders()
    arguments = [word for command in commands for word in ("--testee", command)]
    assert tamper.main([*arguments, "--step", "211"]) == 0
    assert "undetected 0" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    "change",
    [
        "config._check_seal = lambda data, root: None",
        "head._check_self_test = lambda head, members: None",
    ],
    ids=["no seal", "no self-test"],
)
def test_a_loader_without_a_check_is_found(tmp_path, change, capsys):
    assert tamper.main(["--testee", changed_testee(tmp_path, change), "--step", "101"]) == 1
    assert "UNDETECTED" in capsys.readouterr().out


def test_loaders_that_disagree_are_found(tmp_path, capsys):
    lenient = changed_testee(tmp_path, "config._check_seal = lambda data, root: None")
    assert tamper.main(["--testee", PYTHON, "--testee", lenient, "--step", "401"]) == 1
    assert "on which loaders disagree" in capsys.readouterr().out


@pytest.mark.parametrize("make", [lambda pair: pair, typical.version_0], ids=["version 1", "version 0"])
def test_every_byte_of_the_npz_is_in_one_span(pair, make):
    npz = make(pair)[0]
    at = 0
    for span in tamper.spans(npz):
        assert span.start == at
        at = span.end
    assert at == len(npz)


def test_resealing_leaves_a_sound_pair_as_it_is(pair):
    assert tamper.resealer(pair)(pair) == pair
    old = typical.version_0(pair)
    assert tamper.resealer(old)(old) == old


@given(st.data())
def test_after_resealing_no_digest_is_wrong(data):
    pair = typical_pair()
    span = data.draw(st.sampled_from([span for span in tamper.spans(pair[0]) if span.name.endswith("data")]))
    flip = tamper.Flip("npz", data.draw(st.integers(8 * span.start, 8 * span.end - 1)))
    npz, config = tamper.resealer(pair)(flip.of(pair))
    np.load(io.BytesIO(npz))["coef"]  # zipfile compares the CRC-32
    assert npz[span.start : span.end] != pair[0][span.start : span.end]
    assert zlib.crc32(npz) != zlib.crc32(pair[0])
    assert config.endswith(b'"\n}\n')
    with pytest.raises(ValueError) as caught:
        from_bytes(npz, config)
    assert caught.value.code not in ("ZIP_CRC", "NPZ_DIGEST", "CONFIG_DIGEST", "CONFIG_SEAL")


def typical_pair(kept: list[typical.Pair] = []) -> typical.Pair:  # noqa: B006 (fitted once for all examples)
    if not kept:
        kept.append(typical.version_1())
    return kept[0]


def test_a_typical_pair_has_every_member_and_loads(pair):
    head = from_bytes(*pair)
    assert head.verified
    assert None not in [head.config[name] for name in ("embedding", "golden", "metrics", "training", "extensions")]
    assert from_bytes(*typical.version_0(pair)).format_version == "0"


# Ceilings


@pytest.mark.skipif(sys.platform != "linux", reason="resident sizes are read from /proc")
class TestResources:
    @pytest.fixture(autouse=True)
    def one_attempt(self, monkeypatch):
        few = resources.warm_up()[:3]
        monkeypatch.setattr(resources, "ATTEMPTS", 1)
        monkeypatch.setattr(resources, "warm_up", lambda: few)

    def run(self, command: str, only: str) -> list[resources.Load]:
        return resources.measured(command, dict(resources.suite_cases(Path("unused"), only)))[1]

    @pytest.mark.parametrize("command", built_loaders())
    def test_small_pairs_are_far_below_the_ceiling_of_memory(self, command):
        loads = self.run(command, "zip-crc/")
        assert loads
        assert all(load.memory < load.most_memory for load in loads)

    def test_a_loader_that_allocates_first_is_found(self, tmp_path):
        hungry = changed_testee(
            tmp_path,
            "read = zip.read_members\n"
            "def hungry(npz):\n    bytearray(b'x' * 2**24)\n    return read(npz)\n"
            "head.read_members = hungry",
        )
        loads = self.run(hungry, "zip-crc/coef")
        assert loads
        assert all(load.over and load.memory > load.most_memory for load in loads)

    def test_a_loader_that_is_slow_is_found(self, tmp_path):
        slow = changed_testee(
            tmp_path,
            "parse = json.parse\ndef slow(data, **options):\n    time.sleep(0.06)\n    return parse(data, **options)\njson.parse = slow",
        )
        loads = self.run(slow, "zip-crc/coef")
        assert loads
        assert all(load.seconds > load.most_seconds for load in loads)


def test_the_ceiling_is_the_documented_one():
    load = resources.Load("a", 3 * resources.MIB, "", 0.109, 7 * resources.MIB)
    assert load.most_seconds == pytest.approx(0.110)
    assert load.most_memory == 7 * resources.MIB
    assert not load.over
    assert load._replace(seconds=0.111).over
    assert load._replace(memory=7 * resources.MIB + 1).over


# Under load


def drivers() -> list[str]:
    built = [soak.DRIVERS[0]]
    if (REPOSITORY / soak.DRIVERS[1]).exists():
        built.append(soak.DRIVERS[1])
    if shutil.which("node"):
        built.append(soak.DRIVERS[2])
    return built


def test_threads_and_workers_give_the_same_bits_and_keep_nothing(capsys):
    arguments = [word for driver in drivers() for word in ("--driver", driver)]
    assert soak.main(["--loads", "1000", "--scores", "8000", *arguments]) == 0
    assert "differing bits 0" in capsys.readouterr().out


def driver_with(folder: Path, change: str) -> str:
    script = folder / "driver.py"
    script.write_text(
        "import json, sys\nsys.path.insert(0, '.')\n"
        f"import plmhead\nfrom hostile.drivers import soak_python\nif __name__ == '__main__':\n    {change}\n"
        "    print(json.dumps(soak_python.main(*sys.argv[1:4], *map(int, sys.argv[4:6]))))\n"
    )
    return f"{sys.executable} {script}"


def test_a_loader_that_keeps_what_it_loaded_is_found(tmp_path, capsys):
    keep = "load, kept = plmhead.load, []; plmhead.load = lambda name: kept.append(bytes(9000)) or load(name)"
    assert soak.main(["--loads", "1000", "--scores", "4000", "--driver", driver_with(tmp_path, keep)]) == 1
    assert "differing bits 0" in capsys.readouterr().out


def test_threads_that_disagree_are_found(tmp_path, capsys):
    wrong = "found = iter(range(10**9)); bits = soak_python.bits; soak_python.bits = lambda h, X: bits(h, X) + str(next(found))"
    assert soak.main(["--loads", "100", "--scores", "4000", "--driver", driver_with(tmp_path, wrong)]) == 1
    assert "differing bits 0" not in capsys.readouterr().out
