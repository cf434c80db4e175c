"""The page on scale: what the script makes of what was measured, and the arithmetic by hand."""

from __future__ import annotations

import json

import pytest
from bench.scale.__main__ import HERE, PAGE, Price, duration, page, step_table, storage_table, volume, workers

MEASURED = json.loads((HERE / "measured.json").read_text(encoding="utf-8"))


def test_the_page_is_what_the_script_writes():
    assert PAGE.read_text(encoding="utf-8") == page(MEASURED)


def test_hours_and_dollars_are_those_of_the_rates(tmp_path):
    result = {"contestant": "plmhead", "own": True, "accuracy": "fast", "sequences": 5000, "seconds": [1.0, 2.0, 4.0]}
    run = {"shape": "650M", "set": "vh", "results": [result, {**result, "own": False, "seconds": [0.1]}]}
    machine = {"name": "Some GPU"}
    (tmp_path / "cuda-some.json").write_text(json.dumps({"machine": machine, "runs": [run, {**run, "set": "wide"}]}))
    measured = {**MEASURED, "encode_results": ["cuda-some.json"]}
    small, large, gpu = workers(measured, tmp_path, Price(core=0.1, gpu=4.0))
    assert (gpu.name, gpu.rate, gpu.dollars, gpu.width) == ("650M, one Some GPU, fast", 2500.0, 4.0, 1280)
    assert small.rate == MEASURED["rows_per_second"]["encode_8M"]
    assert 50 < small.rate / large.rate < 120  # 650M has 88 times the parameters of 8M
    text = page(measured, tmp_path)
    assert "| 650M, one Some GPU, fast | 2,500 | measured | 6.7 min | $0.33 | 4.6 days | $333 |" in text
    assert "No GPU" not in text


def test_the_encoder_is_the_bottleneck_by_more_than_a_thousand_on_a_core():
    steps = MEASURED["rows_per_second"]
    assert steps["around"] > 1000 * steps["encode_8M"]
    assert step_table(MEASURED, workers(MEASURED)).count("\n") == 9
    assert "5.1 TB" in storage_table(MEASURED)


@pytest.mark.parametrize(
    "hours, text", [(0.001, "3.6 s"), (0.5, "30.0 min"), (3, "3.0 h"), (48, "2.0 days"), (17532, "2.0 years")]
)
def test_durations(hours, text):
    assert duration(hours) == text


def test_volumes():
    assert [volume(size) for size in (10, 2e6, 3.5e9, 5.12e12)] == ["10 B", "2.0 MB", "3.5 GB", "5.1 TB"]
