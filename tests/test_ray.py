"""Shards on many machines: what is done is kept, what is not is done again; with Ray, a driver that is killed."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from plmhead.errors import InputError

pa = pytest.importorskip("pyarrow")
pytest.importorskip("onnxruntime")
from pyarrow import parquet  # noqa: E402
from tests.embed_runs import sequences  # noqa: E402

from plmhead.ray import Job, ShardScorer, begin  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[1]
HEAD = REPOSITORY / "examples" / "head"


@pytest.fixture
def job(tmp_path) -> Job:
    (tmp_path / "out").mkdir()
    for suffix in (".npz", "_config.json"):
        shutil.copy(f"{HEAD}{suffix}", tmp_path / f"head{suffix}")
    return Job(str(tmp_path / "head"), str(tmp_path / "out"))


def shard(folder: Path, texts: list[str], name: str = "a.parquet") -> str:
    parquet.write_table(pa.table({"sequence": texts}), folder / name)
    return str(folder / name)


def test_a_shard_that_is_done_is_kept_and_nothing_else(job, tmp_path):
    path, out = shard(tmp_path, ["EVQLV", "B"]), tmp_path / "out" / "part-00000.parquet"
    first = ShardScorer(job).shard(0, path)
    assert (first["status"], first["rows"], first["errors"]) == ("done", 2, 1)
    bits = out.read_bytes()
    inode = out.stat().st_ino
    assert ShardScorer(job).shard(0, path)["status"] == "kept"
    assert out.stat().st_ino == inode

    out.write_bytes(bits[:-1])  # a damaged part
    assert ShardScorer(job).shard(0, path)["status"] == "done"
    assert out.read_bytes() == bits

    shard(tmp_path, ["EVQLL", "B"])  # another input of the same name
    assert ShardScorer(job).shard(0, path)["status"] == "done"
    assert out.read_bytes() != bits

    assert ShardScorer(job._replace(threshold=0.9)).shard(0, path)["status"] == "done"


def test_a_part_without_its_record_is_done_again(job, tmp_path):
    path = shard(tmp_path, ["EVQLV"])
    ShardScorer(job).shard(0, path)
    record = tmp_path / "out" / "part-00000.json"
    for spoil in (record.unlink, lambda: record.write_text("{"), lambda: record.write_text("[]")):
        spoil()
        assert ShardScorer(job).shard(0, path)["status"] == "done"
    assert sorted(each.name for each in record.parent.iterdir()) == ["part-00000.json", "part-00000.parquet"]


def test_a_shard_that_fails_says_why_and_leaves_no_part(job, tmp_path):
    scorer = ShardScorer(job)
    parquet.write_table(pa.table({"other": [1]}), tmp_path / "b.parquet")
    for path in (tmp_path / "b.parquet", tmp_path / "none.parquet"):
        record = scorer.shard(3, str(path))
        assert (record["status"], record["rows"]) == ("failed", 0)
        assert path.name in record["fault"]
    assert list((tmp_path / "out").iterdir()) == []
    assert scorer.shard(3, shard(tmp_path, ["M"]))["status"] == "done"


def test_a_folder_of_another_job_is_refused(job, tmp_path):
    begin(job, ["a"])
    begin(job, ["a"])
    for other, names in ((job, ["b"]), (job._replace(threshold=0.4), ["a"]), (job._replace(sequences=False), ["a"])):
        with pytest.raises(InputError) as caught:
            begin(other, names)
        assert caught.value.code == "RESUME"
    shutil.copy(f"{HEAD}.npz", tmp_path / "head.npz")
    (tmp_path / "head_config.json").write_text((tmp_path / "head_config.json").read_text() + " ")
    with pytest.raises(InputError, match=r"RESUME.*model"):
        begin(job, ["a"])


#: Scores shards on a local Ray of one processor; says the number of each shard that is done, then the summary.
DRIVER = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
import ray
from plmhead.ray import Job, score_shards
if __name__ == "__main__":
    model, out, *paths = sys.argv[1:]
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=80 * 2**20, logging_level="error")
    print("begun", flush=True)
    summary = score_shards(paths, Job(model, out), on_record=lambda record: print("shard", record["number"], flush=True))
    print(json.dumps(summary), flush=True)
"""
LOOPBACK = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "PYTHONPATH": str(REPOSITORY)}


def driver(job: Job, paths: list[str]) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", DRIVER, job.model, job.out, *paths]
    environment = {**os.environ, **LOOPBACK}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray: pip install 'plmhead[ray]'")
def test_a_driver_that_was_killed_goes_on(job, tmp_path):
    texts = sequences(120)
    paths = [shard(tmp_path, texts[start : start + 10], f"in-{start:03}.parquet") for start in range(0, 120, 10)]
    paths.append(str(tmp_path / "none.parquet"))
    killed = driver(job, paths)
    while not killed.stdout.readline().startswith("shard"):
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    time.sleep(1)  # its Ray ends by itself
    said, _ = driver(job, paths).communicate(timeout=100)
    shards, kept, rows, errors, failed = json.loads(said.splitlines()[-1])
    assert (shards, rows, errors, [path for path, _ in failed]) == (13, 120, 0, [paths[-1]])
    assert kept >= 1
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["status"] == "failed"
    assert [each["status"] for each in manifest["shards"]] == ["done"] * 12 + ["failed"]
    found = [
        row for path in sorted((tmp_path / "out").glob("*.parquet")) for row in parquet.read_table(path).to_pylist()
    ]
    head = ShardScorer(job).scoring
    assert [row["probability"] for row in found] == head.head.predict_proba(head.encoder.embed(texts))[:, 1].tolist()
