"""Scores a sharded set of sequences on a Ray cluster of two nodes and kills one: python -m tools.demo_ray [COUNT]; make demo-ray.

Three times the same shards: in one process, on the cluster with a node killed half way, on the cluster undisturbed. The rows
must be the same, each id once. Undisturbed, the cluster's rate while both workers are busy is held to the sum of the workers'
own rates, twice: to rows by seconds inside shards of the same workers in the same run, which is what handing out costs; and
to two plain processes without Ray on the same processors, right before and after, which is all that Ray costs.
The nodes are processes of this machine, on the loopback; no dashboard, no usage statistics.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Read when Ray is imported, and by the processes that it starts.
os.environ.update(
    RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0", RAY_DISABLE_IMPORT_WARNING="1", RAY_DEDUP_LOGS="1",
    RAY_health_check_period_ms="1000", RAY_health_check_failure_threshold="3",
    # What each worker is given, with and without Ray.
    OMP_NUM_THREADS="1",
)  # fmt: skip

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from plmhead.ray import Job, ShardScorer, score_shards

REPOSITORY = Path(__file__).resolve().parents[1]
MODEL = REPOSITORY / "examples" / "head"
RESIDUES = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", dtype=np.uint8)
SHARDS, WORKERS = 40, 2
#: The least share of the workers' own rates that the cluster must reach.
LEAST = 0.8


def make_shards(folder: Path, count: int, shards: int = SHARDS) -> list[Path]:
    """Parquet files with an id and a short sequence a row: some sequences occur twice, some cannot be scored."""
    rng = np.random.default_rng(11)
    folder.mkdir()
    paths = []
    for number, ids in enumerate(np.array_split(np.arange(count), shards)):
        texts = [
            RESIDUES[rng.integers(0, 20, size=length)].tobytes().decode() for length in rng.integers(8, 20, len(ids))
        ]
        texts[1::50] = texts[::50][: len(texts[1::50])]
        texts[7::500] = [text + "*" for text in texts[7::500]]
        paths.append(folder / f"sequences-{number:03}.parquet")
        parquet.write_table(pa.table({"id": [f"s{row}" for row in ids], "sequence": texts}), paths[-1])
    return paths


@contextmanager
def cluster() -> Iterator[tuple[Any, Any]]:
    """A head with one processor and a node with one: (cluster, node)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray
        from ray.cluster_utils import Cluster

        node = {
            "num_cpus": 1,
            "object_store_memory": 100 * 2**20,
            "include_dashboard": False,
            "node_ip_address": "127.0.0.1",
        }
        started = Cluster(initialize_head=True, head_node_args=node)
        try:
            second = started.add_node(**node)
            ray.init(address=started.address, log_to_driver=False, logging_level="error")
            started.wait_for_nodes()
            yield started, second
        finally:
            ray.shutdown()
            started.shutdown()


def on_cluster(shards: list[Path], out: Path, kill_after: int | None = None) -> tuple[list[dict[str, Any]], int]:
    """The records of the shards in the order in which they came; how many nodes were killed."""
    records: list[dict[str, Any]] = []
    killed = 0
    with cluster() as (nodes, second):

        def on_record(record: dict[str, Any]) -> None:
            nonlocal killed
            records.append(record)
            if len(records) == kill_after:
                nodes.remove_node(second, allow_graceful=False)
                killed += 1
                print(f"  one node killed after {kill_after} of {len(shards)} shards", flush=True)

        summary = score_shards(shards, Job(str(MODEL), str(out)), workers=WORKERS, on_record=on_record)
    assert not summary.failed, summary.failed
    return records, killed


def in_this_process(shards: list[Path], out: Path) -> None:
    out.mkdir()
    scorer = ShardScorer(Job(str(MODEL), str(out)))
    for number, path in enumerate(shards):
        record = scorer.shard(number, str(path))
        assert record["status"] == "done", record


#: A worker without Ray: scores its shards once all are ready, and says rows and seconds.
PLAIN = """
import json, sys, time
from plmhead.ray import Job, ShardScorer
model, out, *paths = sys.argv[1:]
scorer = ShardScorer(Job(model, out))
print("ready", flush=True)
input()
start = time.time()
rows = sum(scorer.shard(number, path)["rows"] for number, path in enumerate(paths))
print(json.dumps([rows, time.time() - start]), flush=True)
"""


def own_rates(shards: list[Path], folder: Path) -> float:
    """The sum of the rates of plain workers that are busy at the same time, rows a second."""
    workers = []
    for number in range(WORKERS):
        out = folder / f"plain-{number}"
        out.mkdir(parents=True)
        words = [sys.executable, "-c", PLAIN, str(MODEL), str(out), *map(str, shards[number::WORKERS])]
        # A session of its own, as Ray's have: the kernel gives processors to sessions in equal shares.
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        workers.append(subprocess.Popen(words, start_new_session=True, **pipes))
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    done = [json.loads(worker.communicate()[0]) for worker in workers]
    return sum(rows / seconds for rows, seconds in done)


def cluster_rates(records: list[dict[str, Any]]) -> tuple[float, float]:
    """Rows a second of the cluster from the time at which both workers had begun, and the sum of the workers' own since then."""
    begun = max(min(each["started"] for each in records if each["worker"] == worker) for worker in workers_of(records))
    late = [each for each in records if each["started"] >= begun]
    own = 0.0
    for worker in workers_of(late):
        shards = [each for each in late if each["worker"] == worker]
        own += sum(each["rows"] for each in shards) / sum(each["ended"] - each["started"] for each in shards)
    return sum(each["rows"] for each in late) / (max(each["ended"] for each in late) - begun), own


def workers_of(records: list[dict[str, Any]]) -> set[str]:
    return {each["worker"] for each in records}


def digest_of(out: Path) -> tuple[int, str]:
    """How many different ids there are, each once, and the SHA-256 of all rows in the order of the shards."""
    digest, ids = hashlib.sha256(), set[str]()
    count = 0
    for path in sorted(out.glob("part-*.parquet")):
        table = parquet.read_table(path)
        ids.update(table["id"].to_pylist())
        count += table.num_rows
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.combine_chunks())
        digest.update(sink.getvalue())
    assert count == len(ids), f"{count} rows, {len(ids)} ids"
    return count, digest.hexdigest()


def main(count: int) -> int:
    with tempfile.TemporaryDirectory(prefix="demo-ray-") as name:
        folder = Path(name)
        shards = make_shards(folder / "in", count)
        started = time.monotonic()
        in_this_process(shards, folder / "one")
        expected = digest_of(folder / "one")
        print(f"  one process: {expected[0]} rows, {time.monotonic() - started:.0f} s", flush=True)
        _, killed = on_cluster(shards, folder / "killed", kill_after=SHARDS // 4)
        found = digest_of(folder / "killed")
        shares = undisturbed(shards, folder, expected)
    same = found == expected
    ids = f"{found[0]} ids once each" if found[0] == count else f"{found[0]} IDS OF {count}"
    print(
        f"demo-ray: undisturbed, both workers busy: {shares[0]:.2f} of the sum of the workers' own rates, {shares[1]:.2f} of "
        f"that of plain processes; at least {LEAST} of each"
    )
    print(f"demo-ray: {ids}, {killed} node killed, hash {'equal' if same else 'DIFFERS'}")
    return 0 if same and found[0] == count and killed == 1 and min(shares) >= LEAST else 1


def undisturbed(shards: list[Path], folder: Path, expected: tuple[int, str]) -> tuple[float, float]:
    """The cluster's rate as a share of the workers' own: of those of the same run, of those of plain processes."""
    half = shards[: len(shards) // 2]
    before = own_rates(half, folder / "before")
    records, _ = on_cluster(shards, folder / "whole")
    after = own_rates(half, folder / "after")
    assert digest_of(folder / "whole") == expected
    assert len(workers_of(records)) == WORKERS
    rate, own = cluster_rates(records)
    plain = (before + after) / 2
    text = f"cluster {rate:.0f}; its workers {own:.0f}; plain workers {before:.0f} before, {after:.0f} after"
    print(f"  rows a second, both busy: {text}", flush=True)
    return rate / own, rate / plain


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000))
