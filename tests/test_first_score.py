"""README's roads to a first score: stated as they are, and the same scores at the end of each. Times are for make first-score."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from tools import dist, first_score
from tools.pages import REPOSITORY, Reader

import plmhead

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
ROADS = {road.language: road for road in first_score.roads(README)}
SHOWN = first_score.shown(README)
PAGE = """## First score

**Shell**, any: 2 commands, 5 seconds.

```sh
x='{"row":0}'
# a comment
printf '%s\\n' \\
  '{"row":0}'
```

```json
{"row":0}
```

## Next
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """What a fresh clone would have, as it lies here now."""
    folder = tmp_path_factory.mktemp("clone")
    dist.copy_tracked(dist.tracked_files(), folder)
    return folder


@pytest.mark.parametrize("language", ROADS)
def test_road(language, copy):
    """With what the machine has kept of packages and builds, so that it is quick."""
    if language == "C" and not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    target = str(REPOSITORY / "rust-loader/target/first-score")
    reader = Reader(copy, commands=(), environment={"CARGO_TARGET_DIR": target})
    assert first_score.same(first_score.run(ROADS[language], reader), SHOWN)


@pytest.mark.parametrize("language", ROADS)
def test_the_number_of_commands_is_the_stated_one(language):
    assert len(ROADS[language].commands) == ROADS[language].stated_commands


def test_every_language_has_a_road():
    assert set(ROADS) == {"Python", "Rust", "JavaScript", "C"}


def test_the_example_is_what_readme_shows():
    head = plmhead.load(REPOSITORY / "examples/head", require_verified=True)
    decision, probability, labels = head.score_all(np.load(REPOSITORY / "examples/X.npy"))
    rows = [json.loads(line) for line in SHOWN.splitlines()]
    assert [row["label"] for row in rows] == labels.tolist() == [0, 1]
    assert [row["decision"] for row in rows] == decision[:, 0].tolist()
    assert [row["probability"] for row in rows] == probability[:, 1].tolist()
    assert first_score.scores(SHOWN) == [(n, probability[n, n].hex()) for n in (0, 1)]


def test_a_page_is_read():
    (road,) = first_score.roads(PAGE)
    assert (road.language, road.stated_commands, road.stated_seconds) == ("Shell", 2, 5)
    assert road.commands == ("x='{\"row\":0}'", "printf '%s\\n'    '{\"row\":0}'")
    assert first_score.shown(PAGE) == '{"row":0}\n'


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        (": 2 commands, 5 seconds.", "", "without a line"),
        ("```json", "```text", "0 blocks of JSON"),
        ("## First score", "## Score", "no section"),
    ],
)
def test_a_page_that_states_too_little_is_refused(before, after, error):
    page = PAGE.replace(before, after)
    with pytest.raises(ValueError, match=error):
        first_score.roads(page), first_score.shown(page)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("2 commands", "2 commands", None),
        ("2 commands", "3 commands", "states 3 commands and shows 2"),
        ("5 seconds", "0 seconds", "states 0 s"),
        ("  '{\"row\":0}'", "  '{\"row\":1}'", "not what README shows"),
        ("x=", "false; x=", "exit code 1"),
    ],
)
def test_each_fault_of_a_road_is_told(tmp_path, before, after, fault):
    page = PAGE.replace(before, after, 1)
    (road,) = first_score.roads(page)
    outcome = first_score.walk(road, first_score.shown(page), Reader(tmp_path, commands=()))
    assert len(outcome.faults) == (fault is not None)
    assert all(fault in each for each in outcome.faults)
    assert re.fullmatch(
        rf"first-score: 1 languages, 2 commands, [\d.]+ seconds \(longest\), {len(outcome.faults)} failures",
        first_score.summary([outcome]),
    )


def test_one_bit_is_seen_in_either_form():
    lines = [f"{label} {float.fromhex(bits)!r}" for label, bits in first_score.scores(SHOWN)]
    assert first_score.same("\n".join(lines), SHOWN)
    label, bits = first_score.scores(SHOWN)[0]
    lines[0] = f"{label} {float(np.nextafter(float.fromhex(bits), 1))!r}"
    assert not first_score.same("\n".join(lines), SHOWN)
    assert not first_score.same(SHOWN.replace("3", "4", 1), SHOWN)
    assert not first_score.same("", SHOWN)


def test_nothing_that_was_kept_is_at_hand(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / "registry").mkdir(parents=True)
    (home / "config.toml").write_text("[net]\n")
    monkeypatch.setenv("CARGO_HOME", str(home))
    (tmp_path / "road").mkdir()
    environment = first_score.fresh(tmp_path / "road")
    assert sorted(path.name for path in (tmp_path / "road/cargo").iterdir()) == ["config.toml"]
    assert environment["CARGO_HOME"] == str(tmp_path / "road/cargo")
    assert environment["PIP_CACHE_DIR"].startswith(str(tmp_path / "road"))
