"""A file that is under its name complete or not at all."""

from __future__ import annotations

import pytest

from plmhead.whole_file import beside, new_token, replaced


def test_two_writers_of_one_process_do_not_meet(tmp_path):
    target = tmp_path / "scores.csv"
    with replaced(target) as first, replaced(target) as second:
        first.write(b"first")
        second.write(b"second")
    assert target.read_bytes() == b"first", "the one that ends last"
    assert list(tmp_path.iterdir()) == [target]


def half_written(target, fault):
    with replaced(target) as file:
        file.write(b"half")
        raise fault


@pytest.mark.parametrize("fault", [OSError, KeyboardInterrupt])
def test_what_is_there_stays_after_a_fault(tmp_path, fault):
    target = tmp_path / "scores.csv"
    target.write_bytes(b"earlier")
    with pytest.raises(fault):
        half_written(target, fault)
    assert target.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_that_lies_in_wait_is_not_followed(tmp_path, monkeypatch):
    """The name cannot be guessed; and if it were, nothing is opened that is there."""
    target, victim = tmp_path / "scores.csv", tmp_path / "victim"
    victim.write_bytes(b"precious")
    monkeypatch.setattr("plmhead.whole_file.new_token", lambda: "0" * 16)
    beside(target, "0" * 16, "tmp").symlink_to(victim)
    with pytest.raises(FileExistsError), replaced(target) as file:
        file.write(b"x")
    assert victim.read_bytes() == b"precious"
    assert not target.exists()
    assert beside(target, "0" * 16, "tmp").is_symlink(), "what is not ours is not removed"


def test_text_is_utf_8_with_the_ends_of_lines_that_it_has(tmp_path):
    with replaced(tmp_path / "a.csv", binary=False) as file:
        file.write("é\r\n\n")
    assert (tmp_path / "a.csv").read_bytes() == b"\xc3\xa9\r\n\n"


def test_tokens_differ():
    assert len({new_token() for _ in range(100)}) == 100
    assert len(new_token()) == 16
