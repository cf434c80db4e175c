"""Artifacts made or changed by other hands: seal, amend, upgrade."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

import plmhead
from plmhead import FormatError, InputError

RNG = np.random.default_rng(2)


def hand_made(folder, k=2, config=None, **changes):
    rows = 1 if k == 2 else k
    arrays = {
        "coef": RNG.normal(size=(rows, 5)),
        "intercept": RNG.normal(size=rows),
        "classes": np.arange(k),
        "n_features_in": np.array([5]),
        "n_iter": np.array([7], dtype=np.int32),
    }
    arrays.update(changes)
    np.savez(folder / "hand.npz", **arrays)
    (folder / "hand_config.json").write_text(json.dumps(config or {"link": "logistic" if k == 2 else "softmax"}))
    return arrays


@pytest.mark.parametrize("k", [2, 4])
def test_seal_makes_an_artifact_of_savez_and_a_link(tmp_path, run, k):
    arrays = hand_made(tmp_path, k)
    done = run("seal", tmp_path / "hand")
    assert done.returncode == 0, done.stderr
    head = plmhead.load(tmp_path / "hand", require_verified=True)
    assert (head.coef == arrays["coef"]).all()
    x = RNG.normal(size=(20, 5))
    np.testing.assert_allclose(
        head.decision_function(x).reshape(20, -1), x @ arrays["coef"].T + arrays["intercept"], rtol=1e-12, atol=1e-12
    )


def test_seal_takes_narrow_integers_and_a_scalar_intercept(tmp_path):
    from plmhead.edit import seal_pair

    hand_made(
        tmp_path,
        classes=np.array([3, -4], dtype=np.int8),
        intercept=np.float64(0.5),
        n_features_in=np.array([5], dtype=np.uint16),
    )
    assert seal_pair(tmp_path / "hand").classes.tolist() == [3, -4]


def test_seal_keeps_what_the_config_says(tmp_path):
    from plmhead.edit import seal_pair

    hand_made(
        tmp_path,
        config={"link": "logistic", "C": 0.25, "decision": {"threshold": 0.3, "assay_thresholds": {"ELISA": 0.4}}},
    )
    head = seal_pair(tmp_path / "hand")
    assert (head.config["C"], head.threshold, head.assay_thresholds) == (0.25, 0.3, {"ELISA": 0.4})


def test_seal_never_infers_the_link(tmp_path):
    from plmhead.edit import seal_pair

    hand_made(tmp_path, config={"C": 1.0})
    with pytest.raises(InputError, match=r"METADATA \(/link\)"):
        seal_pair(tmp_path / "hand")
    hand_made(tmp_path, 4, config={"link": "logistic"})
    with pytest.raises(FormatError, match="ARRAY_SHAPE"):
        seal_pair(tmp_path / "hand")


@pytest.fixture
def sealed(tmp_path):
    from plmhead.edit import seal_pair

    hand_made(tmp_path)
    seal_pair(tmp_path / "hand")
    return tmp_path / "hand"


def test_amend_sets_and_removes(sealed, run):
    before = plmhead.load(sealed)
    done = run(
        "amend",
        sealed,
        "--set",
        '/training/dataset="boughter"',
        "--set",
        "/decision/threshold=0.25",
        "--set",
        "/extensions/org.example.note=[1]",
    )
    assert done.returncode == 0, done.stderr
    head = plmhead.load(sealed)
    assert (head.config["training"], head.threshold, head.config["extensions"]) == (
        {"dataset": "boughter"},
        0.25,
        {"org.example.note": [1]},
    )
    assert head.npz_sha256 == before.npz_sha256
    assert run("amend", sealed, "--remove", "/training").returncode == 0
    assert "training" not in plmhead.load(sealed).config


def test_amend_seals_an_edit_made_by_hand(sealed, run):
    path = sealed.with_name("hand_config.json")
    path.write_text(path.read_text().replace('"C": 1.0', '"C": 2.0'))
    with pytest.raises(FormatError, match=r"CONFIG_DIGEST .*plmhead amend"):
        plmhead.load(sealed)
    assert run("amend", sealed).returncode == 0
    assert plmhead.load(sealed).config["C"] == 2.0


def test_a_threshold_changed_by_hand_is_refused_until_amend_seals_it(sealed, run):
    """Digests made anew do not hide the change: the self-test is bound to the threshold."""
    path = sealed.with_name("hand_config.json")
    body = path.read_bytes()[:-86].replace(b'"threshold": 0.5', b'"threshold": 0.4')
    path.write_bytes(body + b'"config_sha256": "' + hashlib.sha256(body).hexdigest().encode() + b'"\n}\n')
    with pytest.raises(FormatError, match=r"SELF_TEST \(/self_test/0/decision\).*plmhead amend"):
        plmhead.load(sealed)
    assert run("amend", sealed).returncode == 0
    assert plmhead.load(sealed).threshold == 0.4


@pytest.mark.parametrize(
    "change", ["/C=-1", '/link="softmax"', "/nonsense=1", "/self_test=[]", "/C=oops", "C=1", "/C/x=1"]
)
def test_a_bad_amendment_writes_nothing(sealed, run, change):
    before = sealed.with_name("hand_config.json").read_bytes()
    done = run("amend", sealed, "--set", change)
    assert done.returncode == 1
    assert done.stderr.startswith("plmhead: ")
    assert "Traceback" not in done.stderr
    assert sealed.with_name("hand_config.json").read_bytes() == before


def test_upgrade_keeps_every_score(tmp_path, shared_data, run):
    old = shared_data / "published_v0" / "boughter_vh_esm1v_logreg"
    done = run("upgrade", old, tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert "end token" in done.stdout
    before, after = plmhead.load(old), plmhead.load(tmp_path / "new", require_verified=True)
    x = RNG.normal(size=(100, 1280)).astype(np.float32)
    assert before.decision_function(x).tobytes() == after.decision_function(x).tobytes()
    assert before.predict(x, assay_type="PSR").tolist() == after.predict(x, assay_type="PSR").tolist()
    assert (after.config["embedding"]["family"], after.config["embedding"]["origin"]) == ("esm1v", "version-0")
    assert (after.config["C"], after.config["esm_model"], after.config["random_state"]) == (
        1.0,
        "facebook/esm1v_t33_650M_UR90S_1",
        42,
    )
    assert run("upgrade", tmp_path / "new", tmp_path / "again").returncode == 1


def test_version_0_readers_find_their_twelve_fields(tmp_path, shared_data):
    """What the training code in the field reads: five arrays and twelve names at the root."""
    from plmhead.edit import upgrade

    old = shared_data / "published_v0" / "boughter_vh_esm1v_logreg"
    upgrade(old, tmp_path / "new")
    names = json.loads((old.parent / f"{old.name}_config.json").read_text())
    new = json.loads((tmp_path / "new_config.json").read_text())
    assert {name: new[name] for name in names} == names
    with np.load(f"{old}.npz") as before, np.load(tmp_path / "new.npz", allow_pickle=False) as after:
        assert sorted(before.files) == sorted(after.files)
        for name in before.files:
            assert (before[name] == after[name]).all()
            assert before[name].shape == after[name].shape


def test_seal_does_not_bless_an_artifact_again(sealed):
    from plmhead.edit import seal_pair

    with pytest.raises(InputError, match=r"METADATA \(/format\)"):
        seal_pair(sealed)


@pytest.mark.parametrize("where", ["/training/nothing", "/extensions/org.y/z", "/nothing"])
def test_removing_what_is_not_there_is_refused(sealed, run, where):
    before = sealed.with_name("hand_config.json").read_bytes()
    assert "METADATA" in run("amend", sealed, "--remove", where).stderr
    assert sealed.with_name("hand_config.json").read_bytes() == before
