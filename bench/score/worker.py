"""Contestants in Python, in a process of their own: README.md, Samples. Run as a script, so that a fresh process imports nothing else.

python worker.py CONTESTANT ARTIFACT THREADS VALUES
python worker.py first ARTIFACT CONTESTANT
"""

import sys


def plmhead(artifact, threads):
    """With the accelerator where the process finds one."""
    import plmhead

    return plmhead.load(artifact).predict_proba


def onnxruntime(artifact, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(f"{artifact}.onnx", options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"X": x})[0]


def from_pickle(artifact, threads):
    import pickle

    with open(f"{artifact}.pkl", "rb") as file:
        return pickle.load(file).predict_proba


def from_joblib(artifact, threads):
    import joblib

    return joblib.load(f"{artifact}.joblib").predict_proba


def from_skops(artifact, threads):
    import skops.io

    return skops.io.load(f"{artifact}.skops").predict_proba


LOADERS = {
    "plmhead": plmhead,
    "onnxruntime": onnxruntime,
    "scikit-learn": from_pickle,
    "pickle": from_pickle,
    "joblib": from_joblib,
    "skops": from_skops,
}


def values(count):
    """As artifacts.values; that module's imports would count in a fresh process."""
    import numpy as np

    scrambled = np.arange(count, dtype=np.uint32) * np.uint32(2_654_435_761)
    return scrambled.view(np.int32).astype(np.float32) / np.float32(2**31)


def first(artifact, contestant):
    """Loads and scores one row; how many features it has is in its name."""
    predict = LOADERS[contestant](artifact, 1)
    features = int(artifact.rpartition("/")[2].partition("-")[0])
    print('{"probability": [%r]}' % float(predict(values(features)[None])[0, -1]))  # noqa: UP031


def serve(contestant, artifact, threads, count):
    import json
    from time import perf_counter_ns

    load = LOADERS[contestant]
    predict = load(artifact, threads)
    features = int(artifact.rpartition("/")[2].partition("-")[0])
    x = values(count).reshape(-1, features)
    place = 0

    def score(rows):
        nonlocal place
        place = place if place + rows <= len(x) else 0
        part = x[place : place + rows]
        place += rows
        start = perf_counter_ns()
        predict(part)
        return perf_counter_ns() - start

    def load_once(_):
        start = perf_counter_ns()
        load(artifact, threads)
        return perf_counter_ns() - start

    works = {"score": score, "load": load_once}
    for line in sys.stdin:
        what, rows, repeats = line.split()
        try:
            if what == "show":
                answer = {"probability": predict(x[: int(rows)])[:, -1].astype(float).tolist()}
            else:
                answer = {"nanoseconds": [works[what](int(rows)) for _ in range(int(repeats))]}
        except Exception as fault:  # whatever a library raises is its result
            answer = {"error": f"{type(fault).__name__}: {' '.join(str(fault).split())[:300]}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "first":
        first(*sys.argv[2:])
    else:
        serve(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
