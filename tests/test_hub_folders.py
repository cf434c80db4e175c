"""Folders laid out as a repository has them: what stays of an earlier pair, what goes, and what is never read."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from tests.hub_pairs import PAIR, tree_of

import plmhead
from plmhead.errors import InputError
from plmhead.head import from_bytes, self_test_records
from plmhead.hub import push_to_hub, read_artifact, save_pretrained
from plmhead.writer import seal

SIGNATURE = b"{}"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_signature_of_an_earlier_pair_goes(pairs, tmp_path):
    folder = save_pretrained(pairs / "first", tmp_path / "folder")
    (folder / "model.sig").write_bytes(SIGNATURE)
    with pytest.warns(UserWarning, match=r"README.md stays"):
        plmhead.load(pairs / "second").save_pretrained(folder)
    assert names(folder) == PAIR | {"README.md"}
    assert "model.sig" not in read_artifact(folder)[1]


def test_a_signature_that_goes_along_takes_its_place(pairs, tmp_path):
    first, second = (save_pretrained(pairs / name, tmp_path / name) for name in ("first", "second"))
    (first / "model.sig").write_bytes(b'{"old": 1}')
    (second / "model.sig").write_bytes(SIGNATURE)
    save_pretrained(second, first)
    assert (first / "model.sig").read_bytes() == SIGNATURE
    save_pretrained(first, first)  # onto itself: all its files are the new ones
    assert (first / "model.sig").read_bytes() == SIGNATURE


def test_the_signature_is_gone_before_the_pair_is_there(pairs, tmp_path, monkeypatch):
    folder = save_pretrained(pairs / "first", tmp_path / "folder")
    (folder / "model.sig").write_bytes(SIGNATURE)
    seen = []
    monkeypatch.setattr(plmhead.hub, "write_pair", lambda *_: seen.append((folder / "model.sig").exists()))
    save_pretrained(pairs / "second", folder, card="# New\n")
    assert seen == [False]


def test_a_card_that_stays_is_told_of_unless_it_names_the_pair(pairs, tmp_path):
    folder = save_pretrained(pairs / "first", tmp_path / "folder")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_pretrained(pairs / "first", folder)  # the card names this pair
        save_pretrained(pairs / "second", folder, card="# Given\n")
    with pytest.warns(UserWarning, match=plmhead.load(pairs / "second").npz_sha256):
        save_pretrained(pairs / "second", folder)
    assert (folder / "README.md").read_text() == "# Given\n"


@pytest.mark.parametrize("name", ["README.md", "model.sig"])
def test_a_link_in_place_of_a_card_or_a_signature_is_not_followed(name, pairs, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    folder = save_pretrained(pairs / "first", tmp_path / "folder")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(secret)
    for attempt in (read_artifact, lambda path: save_pretrained(path, tmp_path / "other")):
        with pytest.raises(InputError, match=rf"METADATA .*{name}.*found a link") as caught:
            attempt(folder)
        assert "secret" not in caught.value.message
    assert not (tmp_path / "other").exists()


def test_a_folder_of_the_hubs_cache_may_link_to_its_blobs(pairs, tmp_path):
    """Snapshots are links there."""
    made = save_pretrained(pairs / "first", tmp_path / "made")
    snapshot, blobs = tmp_path / "cache/snapshots/abc", tmp_path / "cache/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for path in made.iterdir():
        (blobs / f"blob of {path.name}").write_bytes(path.read_bytes())
        (snapshot / path.name).symlink_to(f"../../blobs/blob of {path.name}")
    assert set(read_artifact(snapshot)[1]) == PAIR | {"README.md"}


def later(artifact: Path, folder: Path) -> Path:
    """The pair as a later minor version would write it, with a member that is not known here."""
    head, tree = plmhead.load(artifact), tree_of(artifact)
    config = {**head.config, "format_version": "1.1", "future": [1]}
    config["self_test"] = self_test_records(head.coef, head.intercept, config)
    (folder / "later.npz").write_bytes(tree["model.npz"])
    (folder / "later_config.json").write_bytes(seal(config))
    return folder / "later"


def test_a_head_of_a_later_minor_is_saved_from_its_files_alone(pairs, tmp_path):
    path = later(pairs / "first", tmp_path)
    head = from_bytes(path.with_suffix(".npz").read_bytes(), Path(f"{path}_config.json").read_bytes())
    assert (head.format_version, head.verified) == ("1.1", True)
    for attempt in (lambda: save_pretrained(head, tmp_path / "folder"), lambda: push_to_hub(head, "a/b", token="x")):
        with pytest.raises(InputError, match=r"METADATA \(/format_version\).*found version 1\.1") as caught:
            attempt()
        assert "name the files" in caught.value.remedy
    save_pretrained(path, tmp_path / "folder")
    assert plmhead.load(tmp_path / "folder/model").format_version == "1.1"
