"""The benchmark of scoring: its judgement from made results, and one small run of it."""

from __future__ import annotations

import copy
import json
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from bench.encode.environments import AbsentError
from bench.score import __main__ as main
from bench.score import artifacts, contestants, goals, measure, plot, publish, regression, report
from bench.score.process import Process, environment, fresh

MACHINE = {"processor": "Some CPU", "cores": 2, "system": "Linux", "versions": {"numpy": "2"}, "busy_share": 0.0}


def made_results(nanoseconds=lambda name, run: 1000):
    """Results in which everybody takes part; each round a little slower than the one before, for all of them."""
    runs = [(what, None, measure.Shape(10_000)) for what in (*contestants.SCORING, contestants.LOAD)]
    runs += [(contestants.LINEAR, s, shape) for s, shapes in measure.linear_shapes(10_000).items() for shape in shapes]
    found = []
    for what, series, shape in [*runs, (measure.FRESH_RUN, None, measure.Shape(1))]:
        run = {"what": what, "series": series, **shape._asdict(), "threads": 1, "absent": []}
        fresh_run = what == measure.FRESH_RUN
        everybody = contestants.FRESH if fresh_run else [one for one in contestants.CONTESTANTS if what in one.parts]
        run["results"] = [
            {
                "contestant": one.name,
                "kind": one.kind,
                "nanoseconds": [[round(nanoseconds(one.name, run) * (9 + turn))] * 2 for turn in range(3)],
            }
            for one in everybody
        ]
        found.append(run)
    results = {
        "format": main.FORMAT,
        "date": "2026-01-01",
        "machine": MACHINE,
        "runs": found,
        "goals": goals.judge(found),
    }
    main.check(results)
    return results


def test_every_goal_is_judged_and_equal_speed_meets_all_but_a_tenth():
    judged = made_results(lambda name, run: measure.units(run) if run["series"] else 1000)["goals"]
    assert len(judged) == len(goals.GOALS) == 16
    assert all(goal["found"] is not None for goal in judged)
    assert [goal["goal"] for goal in judged if not goal["met"]] == [
        "Python with accelerator, one row: times scikit-learn"
    ]


@pytest.mark.parametrize(
    ("slow", "what", "goal"),
    [
        (contestants.RUST_OWN, "one thread", "Rust, one thread: times the memory floor"),
        (contestants.RUST_OWN, "two threads", "Rust, two threads: times onnxruntime"),
        (contestants.ACCELERATED, "two threads", "Python with accelerator, one and two threads: times scikit-learn"),
        (contestants.NODE_OWN, "fresh process", "fresh process, Node: times node -e 0"),
        (contestants.NUMPY, "load", "warm load, Python"),
    ],
)
def test_a_slow_contestant_misses_its_goal_and_no_other_of_another(slow, what, goal):
    def nanoseconds(name, run):
        return 10 * (60_000 if name == slow and run["what"] == what else 1)

    judged = {each["goal"]: each for each in made_results(nanoseconds)["goals"]}
    assert not judged[goal]["met"]
    assert judged["warm load, Rust"]["met"]


@pytest.mark.parametrize("series", ["rows", "features", "classes"])
def test_more_than_linear_is_seen(series):
    def nanoseconds(name, run):
        worse = run["series"] == series and name == contestants.NODE_OWN
        return max(1, measure.units(run) / 100) * (run[series] ** 0.15 if worse else 1)

    judged = {each["goal"]: each["met"] for each in made_results(nanoseconds)["goals"]}
    assert [name for name in judged if "linear" in name and not judged[name]] == [
        f"linear in {series}: a step of ten, times ten"
    ]


def test_a_contestant_that_did_not_run_meets_nothing():
    results = made_results()
    for run in results["runs"]:
        run["results"] = [one for one in run["results"] if one["contestant"] != contestants.NODE_OWN]
    judged = goals.judge(results["runs"])
    assert [goal["found"] for goal in judged if "Node" in goal["goal"] or "linear" in goal["goal"]] == [None] * 7
    assert "did not run" in report.goal_table(judged)


def test_a_series_spans_three_decades():
    for series, shapes in measure.linear_shapes(100_000).items():
        found = [shape._asdict()[series] for shape in shapes]
        found = [1 if series == "classes" and value == 2 else value for value in found]
        assert [value // found[0] for value in found] == [1, 10, 100, 1000]


def test_ratios_are_compared_and_seconds_are_not():
    kept, now = made_results(), made_results(lambda name, run: 3000)
    changes = regression.compare(now["runs"], kept["runs"])
    assert {change.now for change in changes} == {1.0}
    assert len(changes) == len(regression.ratios(kept["runs"])) > 20
    slower = made_results(lambda name, run: 2000 if (name, run["what"]) == (contestants.NUMPY, "load") else 1000)
    worse = [change for change in regression.compare(slower["runs"], kept["runs"]) if change.worse]
    assert [change.what for change in worse] == ["load: plmhead, Python / pickle"]
    assert regression.sentence(worse, "x") == "bench: 1 ratios compared with x, 1 more than 25 % worse"


def test_a_run_is_compared_with_what_is_kept_of_such_a_machine(tmp_path, monkeypatch, capsys):
    results = made_results()
    monkeypatch.setattr(publish, "KEPT", tmp_path)
    assert publish.kept_for(MACHINE, tmp_path) == ("", None)
    (tmp_path / "some-cpu-2.json").write_text(json.dumps(results))
    monkeypatch.setattr(publish, "kept_for", lambda machine, kept=tmp_path: (publish.slug(machine), results))
    assert main.compared(results) == 0
    slower = made_results(lambda name, run: 5000 if name == contestants.RUST_OWN else 1000)
    assert main.compared(slower) == 1
    assert "bench: worse: one thread: plmhead, Rust / memory floor: 5, kept 1" in capsys.readouterr().out


def test_numbers_of_a_busy_machine_are_not_published():
    results = made_results()
    results["machine"] = {**MACHINE, "busy_share": 0.5}
    with pytest.raises(SystemExit, match="50 %"):
        publish.publish(results)


def test_the_pages_are_made_of_the_results_that_are_kept():
    for path, text in publish.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: make bench BENCH=--publish"


def test_report_and_plot_of_made_results():
    results = made_results(lambda name, run: len(name) * 10)
    text = report.page(results)
    for name in {result["contestant"] for run in results["runs"] for result in run["results"]}:
        assert name in text
    assert text.endswith(f"`bench: goals 16, met {sum(goal['met'] for goal in results['goals'])}`\n")
    root = ElementTree.fromstring(plot.plot(results))
    bars = [one for one in root.iter("{http://www.w3.org/2000/svg}rect") if one.get("height") == str(plot.BAR)]
    assert len(bars) == sum(len(run["results"]) for run in report.tables(results))


def test_a_schema_that_refuses():
    import jsonschema

    results = copy.deepcopy(made_results())
    results["runs"][0]["results"][0]["nanoseconds"] = [[]]
    with pytest.raises(jsonschema.ValidationError):
        main.check(results)


def test_the_input_is_that_of_the_contract():
    words = [(i * 2654435761) % 2**32 for i in range(2000)]
    expected = [(word - 2**32 if word >= 2**31 else word) / 2**31 for word in words]
    assert artifacts.values(2000).tolist() == np.array(expected, np.float32).tolist()


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return artifacts.make(tmp_path_factory.mktemp("heads"), 40, 3)


def test_contestants_in_python_answer_by_the_contract(artifact, tmp_path):
    wanted = measure.reference(artifact, 5)
    for word in ("plmhead", "scikit-learn", "onnxruntime", "joblib"):
        one = contestants.Contestant(word, (sys.executable, contestants.WORKER), word, ())
        process = Process(one, artifact, [0], 40 * 50, tmp_path / "log")
        try:
            assert np.allclose(process.ask("show", 5, 1)["probability"], wanted, rtol=0, atol=1e-4)
            assert len(process.ask("score", 20, 3)["nanoseconds"]) == 3
            assert min(process.ask("load", 0, 2)["nanoseconds"]) > 0
            with pytest.raises(AbsentError, match="KeyError"):
                process.ask("what", 0, 1)
        finally:
            process.end()


def test_contestants_in_node_answer_by_the_contract(artifact, tmp_path):
    wanted = np.array(measure.reference(artifact, 5))
    words = ["plmhead", "plmhead-input-array", "plmhead-plain"]
    if (Path(contestants.NODE).parent / "node_modules" / "onnxruntime-node").exists():
        words.append("onnxruntime")
    for word in words:
        one = contestants.Contestant(word, ("node", contestants.NODE), word, ())
        process = Process(one, artifact, [0], 40 * 50, tmp_path / "log")
        try:
            shown = np.array(process.ask("show", 5, 1)["probability"])
            assert np.allclose(shown, wanted, rtol=0, atol=1e-4)
            assert (shown == wanted).all() or word == "onnxruntime"
            assert len(process.ask("score", 20, 3)["nanoseconds"]) == 3
            assert min(process.ask("load", 0, 2)["nanoseconds"]) > 0
            with pytest.raises(AbsentError, match="TypeError"):
                process.ask("what", 0, 1)
        finally:
            process.end()


def test_a_fresh_process_in_node_prints_the_reference(artifact):
    _, said = fresh(contestants.Fresh("plmhead", ("node", contestants.NODE, "first", "{}")), artifact)
    assert json.loads(said)["probability"] == measure.reference(artifact, 1)


def test_wrong_probabilities_are_found(artifact):
    right = measure.reference(artifact, 2)
    almost = [p + 1e-7 for p in right]
    measure.check("x", True, right, artifact)
    measure.check("x", False, almost, artifact)
    with pytest.raises(SystemExit, match="bits"):
        measure.check("x", True, almost, artifact)
    with pytest.raises(AbsentError, match="not the head's"):
        measure.check("x", False, [p + 0.01 for p in right], artifact)


def test_a_fresh_process_prints_the_reference(artifact):
    one = contestants.Fresh("plmhead", (sys.executable, contestants.WORKER, "first", "{}", "plmhead"))
    nanoseconds, said = fresh(one, artifact)
    assert nanoseconds > 0
    assert json.loads(said)["probability"] == measure.reference(artifact, 1)
    with pytest.raises(AbsentError, match="KeyError"):
        fresh(one._replace(command=(*one.command[:-1], "nobody")), artifact)


def test_the_environment_is_the_same_for_all(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("PLMHEAD_ACCELERATOR", "off")
    found = environment(2, {"MORE": "1"})
    assert (found["OMP_NUM_THREADS"], found["PLMHEAD_THREADS"], found["MORE"]) == ("2", "2", "1")
    assert "PYTHONPATH" not in found
    assert "PLMHEAD_ACCELERATOR" not in found
