"""The benchmark of encoders: its formula, its judge, its pages, and one run of a tiny shape. None asserts a time."""

from __future__ import annotations

import copy
import json
import sys
import xml.etree.ElementTree as ElementTree

import jsonschema
import numpy as np
import pytest
from bench.encode import __main__ as command
from bench.encode import goals, machine, measure, publish, report
from bench.encode.contestants import CONTESTANTS, REFERENCE, of
from bench.encode.environments import ENVIRONMENTS, HERE, AbsentError
from bench.encode.plot import plot
from bench.encode.process import Process
from bench.encode.sequences import SETS, sequences
from bench.encode.shapes import SHAPES
from hypothesis import given
from hypothesis import strategies as st

PUBLISHED = ("8M", "35M", "150M", "650M")


def test_parameters_by_formula():
    assert SHAPES["8M"].parameters == 7_408_960
    assert [round(SHAPES[name].parameters / 1e6, 1) for name in PUBLISHED] == [7.4, 33.3, 147.7, 649.4]


@pytest.mark.parametrize("name", PUBLISHED)
def test_transformers_counts_the_same_parameters(name):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from bench.encode.shapes import settings

    shape = SHAPES[name]
    with torch.device("meta"):
        model = transformers.EsmModel(transformers.EsmConfig(**settings(shape)), add_pooling_layer=False)
    counted = sum(parameter.numel() for parameter in model.parameters())
    # EsmModel holds a head for contacts as well, which no embedding passes.
    assert counted - (shape.layers * shape.heads + 1) == shape.parameters


@given(st.sampled_from(sorted(SHAPES)), st.integers(1, 1022))
def test_flops_are_those_of_every_product(name, residues):
    shape, tokens = SHAPES[name], residues + 2
    d, size = shape.width, shape.width // shape.heads
    linear = 4 * 2 * tokens * d * d + 2 * (2 * tokens * d * 4 * d)
    attention = shape.heads * 2 * (2 * tokens * tokens * size)
    assert shape.flops(residues) == shape.layers * (linear + attention)


def test_flops_count_the_multiplications_of_torch():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from bench.encode.shapes import settings
    from torch.utils.flop_counter import FlopCounterMode

    shape = SHAPES["8M"]
    config = transformers.EsmConfig(**settings(shape), attn_implementation="eager")
    with torch.device("meta"):
        model = transformers.EsmModel(config, add_pooling_layer=False).eval()
        ids = torch.full((1, 122), 5)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.encoder.layer[0](
            torch.empty(1, 122, shape.width, device="meta"), position_embeddings=rotary(torch, shape, ids)
        )
    assert counter.get_total_flops() * shape.layers == shape.flops(120)


def rotary(torch, shape, ids):
    table = torch.empty(1, ids.shape[1], shape.width // shape.heads, device="meta")
    return table, table


@pytest.mark.parametrize("name", SETS)
def test_sequences_are_the_same_every_time_distinct_and_in_bounds(name):
    made = sequences(name, 200)
    assert made == sequences(name, 200)
    assert len(set(made)) == 200
    assert all(SETS[name].least <= len(one) <= SETS[name].most for one in made)
    assert [len(one) for one in made] != sorted(map(len, made))


# --- goals, on made-up results ----------------------------------------------------------------------------------------

AMX = {
    "device": "cpu", "name": "Some CPU", "processor": "Some CPU", "threads": 2, "amx": True, "avx512_bf16": True,
    "memory_bytes": 2**34, "system": "Linux x86_64", "python": "3.11.0", "versions": {"torch": "2.15.0", "openvino": None},
    "busy_share": 0.0,
}  # fmt: skip
H100 = {**AMX, "device": "cuda", "name": "NVIDIA H100 80GB HBM3", "threads": 16}


def result(contestant, accuracy, seconds, own=True, difference=1e-6, cosine=1.0):
    return {
        "contestant": contestant, "accuracy": accuracy, "own": own, "sequences": 64, "flops": 64 * 10**9, "batch_size": None,
        "seconds": seconds, "peak_resident_bytes": 2**30, "peak_device_bytes": None, "max_abs_difference": difference,
        "min_cosine": cosine,
    }  # fmt: skip


def run_of(shape, *results, absent=()):
    return {
        "shape": shape, "set": "vh", "rounds": 3, "sequences": 64, "residues": 64 * 120, "flops": 64 * 10**9,
        "results": list(results), "absent": list(absent),
    }  # fmt: skip


def results_of(described, *runs):
    return {
        "format": command.FORMAT,
        "date": "2026-01-01",
        "machine": described,
        "runs": list(runs),
        "goals": goals.judge(described, list(runs)),
    }


def slow(times):
    """The reference, so many times as slow as the seconds 1, 2, 1."""
    return result(REFERENCE, "fp32", [times, 2 * times, times], own=False)


def good(exact=1.5, fast=3.5, large=4.5):
    def ours(name, accuracy, times):
        loose = {"difference": 0.05, "cosine": 0.9998} if accuracy == "fast" else {}
        return result(name, accuracy, [6 / times, 12 / times, 6 / times], **loose)

    return results_of(
        AMX,
        run_of("8M", slow(6.0), ours("a", "exact", exact), ours("b", "fast", fast)),
        run_of("650M", slow(6.0), ours("b", "fast", large)),
    )


def test_goals_that_are_reached_are_met():
    results = good()
    assert [goal["met"] for goal in results["goals"]] == [True, True, True]
    assert [goal["found"] for goal in results["goals"]] == pytest.approx([1.5, 3.5, 4.5])
    assert [goal["contestant"] for goal in results["goals"]] == ["a", "b", "b"]
    assert report.last_line(results) == "bench-encode: goals 3, met 3"


@pytest.mark.parametrize(("which", "ratios"), [(0, {"exact": 1.39}), (1, {"fast": 2.99}), (2, {"large": 3.99})])
def test_a_ratio_below_a_goal_misses_it(which, ratios):
    assert [goal["met"] for goal in good(**ratios)["goals"]] == [place != which for place in range(3)]


def test_a_ratio_in_the_wrong_direction_meets_nothing():
    results = good(1 / 1.5, 1 / 3.5, 1 / 4.5)
    assert report.last_line(results) == "bench-encode: goals 3, met 0"
    assert results["goals"][0]["found"] == pytest.approx(1 / 1.5)


def test_every_round_is_compared_with_itself():
    calm = result("a", "exact", [1.0, 10.0, 1.0])
    assert goals.times(calm, result(REFERENCE, "fp32", [2.0, 20.0, 2.0], own=False)) == 2.0


@pytest.mark.parametrize("change", [{"difference": 1e-3}, {"cosine": 0.9}, {"difference": None, "cosine": None}])
def test_wrong_vectors_count_nothing_however_fast(change):
    runs = [run_of("8M", slow(6.0), result("a", "exact", [0.1, 0.1, 0.1], **change))]
    judged = goals.judge(AMX, runs)[0]
    assert (judged["met"], judged["found"]) == (False, None)
    assert "outside its class" in report.table(runs[0])


def test_a_peer_meets_no_goal_of_ours():
    runs = [run_of("8M", slow(6.0), result("peer", "exact", [0.1, 0.1, 0.1], own=False))]
    assert goals.judge(AMX, runs)[0]["met"] is False


def test_a_goal_without_its_rival_is_missed():
    runs = [run_of("8M", result("a", "exact", [0.1, 0.1, 0.1]))]
    assert [goal["met"] for goal in goals.judge(AMX, runs)] == [False, False, False]


def test_the_line_says_where_a_machine_is_another():
    without = results_of({**AMX, "amx": False}, *good()["runs"])
    assert report.last_line(without).startswith("bench-encode: goals 3, met 3 (")
    assert "no AMX" in report.last_line(without)
    assert "4 cores" in report.last_line(results_of({**AMX, "threads": 4}, *good()["runs"]))


def test_goals_of_a_gpu_are_judged_on_an_h100_alone():
    fast = result("b", "fast", [64 / 3000] * 3, difference=0.05, cosine=0.9998)
    rival = result("transformers sdpa bf16", "bf16", [64 / 1900] * 3, own=False, difference=0.05, cosine=0.9998)
    quick = result("b", "fast", [64 / 59999] * 3, difference=0.05, cosine=0.9998)
    runs = [run_of("650M", slow(1.0), rival, fast), run_of("8M", slow(1.0), quick)]
    assert [goal["met"] for goal in goals.judge(H100, runs)] == [True, True, False]
    assert goals.judge({**H100, "name": "Some other GPU"}, runs) == []


# --- schema and pages -------------------------------------------------------------------------------------------------


def test_made_up_results_fit_the_schema_and_a_broken_one_does_not():
    whole = good()
    command.check(whole)
    for spoil in (
        lambda one: one.pop("machine"),
        lambda one: one["runs"][0]["results"][0].update(seconds=[]),
        lambda one: one["runs"][0]["results"][0].update(seconds=[0.0]),
        lambda one: one["goals"][0].update(met=None),
        lambda one: one.update(extra=1),
    ):
        broken = copy.deepcopy(whole)
        spoil(broken)
        with pytest.raises(jsonschema.ValidationError):
            command.check(broken)


def test_the_page_names_who_is_absent_and_why():
    whole = good()
    whole["runs"][0]["absent"] = [{"contestant": "esm-cpp int8", "reason": "cannot be installed: no wheel"}]
    text = report.page(whole)
    assert "esm-cpp int8 did not take part: cannot be installed: no wheel" in text
    assert "not worth quoting" not in text
    assert "not worth quoting" in report.page({**whole, "machine": {**AMX, "busy_share": 0.5}})


def test_the_table_holds_the_medians_and_every_row_has_every_column():
    run = good()["runs"][0]
    rows = [line for line in report.table(run).splitlines() if line.startswith("| ")]
    assert {line.count("|") for line in rows} == {len(report.COLUMNS) + 1}
    assert rows[1].split(" | ")[:2] == ["| **b**", "fast"]  # the fastest first
    assert "| 37.3 | 18.7 to 37.3 | 3.50 |" in rows[1]


def test_the_plot_is_an_image_with_a_bar_for_each_result():
    whole = good()
    whole["runs"][0]["results"][1]["contestant"] = "<a & b>"
    picture = ElementTree.fromstring(plot(whole))
    bars = [one for one in picture.iter() if one.tag.endswith("rect") and one.get("height") == "14"]
    assert len(bars) == 5
    assert "<a & b>" in {one.text for one in picture.iter() if one.tag.endswith("text")}


def test_numbers_of_a_busy_machine_are_not_published():
    with pytest.raises(SystemExit, match="not published"):
        publish.publish({**good(), "machine": {**AMX, "busy_share": 0.2}})


def test_results_of_one_device_do_not_replace_those_of_another(tmp_path, monkeypatch):
    index = tmp_path / "index.md"
    index.write_text("rust\nprecision\n")
    for name, path in {"KEPT": tmp_path / "kept", "PAGE": tmp_path / "benchmarks.md", "INDEX": index}.items():
        monkeypatch.setattr(publish, name, path)
    gpu = results_of({**H100, "versions": {}}, *good()["runs"])
    for results in (good(), gpu, {**good(), "date": "2026-02-02"}):
        publish.publish(results)
    assert len(list((tmp_path / "kept").iterdir())) == 2
    text = publish.PAGE.read_text()
    assert "## Some CPU" in text
    assert "## NVIDIA H100" in text
    assert "2026-02-02" in text
    assert index.read_text() == "rust\nbenchmarks\nprecision\n"


def test_the_published_pages_are_those_of_the_kept_results():
    pages = publish.pages()
    assert publish.PAGE.exists() == bool(pages)
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text
    for path in publish.KEPT.glob("*.json"):
        kept = json.loads(path.read_text(encoding="utf-8"))
        command.check(kept)
        assert kept["goals"] == goals.judge(kept["machine"], kept["runs"])
        assert kept["machine"]["busy_share"] <= machine.BUSY


def test_pages_of_two_machines(tmp_path):
    for name, results in (("one", good()), ("two", {**good(), "machine": {**AMX, "name": "Another"}})):
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    pages = publish.pages(tmp_path)
    assert len(pages) == 3
    assert all(f"]({path.name})" in pages[publish.PAGE] for path in pages if path != publish.PAGE)


# --- the run itself ---------------------------------------------------------------------------------------------------


def test_a_contestant_with_a_part_of_the_sequences_is_compared_by_its_rate_and_named():
    part = {**slow(1.0), "sequences": 8, "flops": 8 * 10**9}
    run = run_of("8M", part, result("a", "fast", [1.0, 2.0, 1.0]))
    assert goals.times(run["results"][1], part) == 8.0
    assert f"- {REFERENCE}: the first 8 sequences" in report.table(run)
    assert "a: the first" not in report.table(run)


def test_results_are_kept_where_jsonschema_is_absent(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    command.check({})
    assert "not checked" in capsys.readouterr().out


def test_agreement_is_exact_for_equal_vectors_and_none_for_none():
    a = np.eye(3, dtype=np.float32)
    assert measure.agreement(a, a) == (0.0, 1.0)
    assert measure.agreement(a[:2], a) == measure.agreement(a, a[:2]) == (0.0, 1.0)
    assert measure.agreement(-a, a) == (2.0, -1.0)
    assert measure.agreement(None, a) == (None, None)
    assert measure.agreement(np.full_like(a, np.nan), a) == (None, None)


def test_every_environment_is_pinned_and_every_contestant_has_one():
    used = {one.environment for one in CONTESTANTS} - {"plmhead"}
    assert used == set(ENVIRONMENTS)
    for environment in ENVIRONMENTS.values():
        lines = [line for line in (HERE / environment.lock).read_text().splitlines() if line[:1] not in ("", "#")]
        assert lines
        assert all(line.count("==") == 1 for line in lines)
    assert len({one.name for one in CONTESTANTS}) == len(CONTESTANTS)
    assert next(one.name for one in of("cpu", "onnx")) == REFERENCE


def test_a_contestant_that_does_not_fit_is_named(tmp_path):
    plan = measure.Plan("650M", {"vh": measure.Size(2, 1)}, "cpu", [0], [], lambda: 2**30, lambda text: None)
    with pytest.raises(AbsentError, match=r"needs some 3\.\d GiB of memory, 1\.0 GiB are free"):
        measure._started(CONTESTANTS[0], SHAPES["650M"], tmp_path, plan, tmp_path)


def test_a_tiny_run(tmp_path, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    words = ["--device", "cpu", "--shapes", "tiny", "--sets", "vh", "--count", "6", "--rounds", "2", "--threads", "1"]
    assert command.main([*words, "--only", "plmhead torch", "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    (run,) = results["runs"]
    assert run["absent"] == []
    assert [one["contestant"] for one in run["results"]] == [REFERENCE, "plmhead torch fast", "plmhead torch exact"]
    for one in run["results"]:
        assert len(one["seconds"]) == 2
        assert one["flops"] == SHAPES["tiny"].total_flops(sequences("vh", 6))
        assert goals.agrees({**one, "accuracy": "exact" if one["accuracy"] == "fp32" else one["accuracy"]})
    assert run["results"][1]["max_abs_difference"] > 1e-4 > run["results"][2]["max_abs_difference"]
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[-1].startswith("bench-encode: goals 3, met 0")  # the shapes of the goals did not run
    assert (tmp_path / "results.md").read_text() == report.page(results)
    assert command.main(["--report", str(tmp_path / "results.json"), "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "results.svg").read_bytes() == (tmp_path / "results.svg").read_bytes()


def test_a_contestant_that_cannot_run_is_absent_and_says_why(tmp_path):
    broken = CONTESTANTS[0]._replace(adapter="esm_cpp_model", options={})  # in an environment without esm-cpp
    plan = measure.Plan("tiny", {"vh": measure.Size(2, 1)}, "cpu", [0], [], lambda: 2**40, lambda text: None)
    with pytest.raises(AbsentError, match="No module named 'esm_cpp'"):
        measure._started(broken, SHAPES["tiny"], tmp_path, plan, tmp_path)


def test_a_process_that_dies_is_absent(tmp_path):
    process = Process(CONTESTANTS[0], [0], tmp_path / "log", 60)
    process.process.kill()
    with pytest.raises(AbsentError, match="ended with code -9"):
        process.ask(op="run", sequences=["A"], batch_size=1, vectors=None)
