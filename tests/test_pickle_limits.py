"""What a pickle may cost: files that use a value over and over, and the real ones, which do not."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from plmhead import unpickle
from plmhead.errors import InputError
from plmhead.pickles import convert

FITTED = Path(__file__).parent / "fitted"

BOMBS = """
import resource, sys
from hostile.opcodes import bombs
from plmhead.errors import InputError
from plmhead.unpickle import MAX_BYTES, read
made = {name: make() for name, make in bombs().items()}
# What is in use now, and room for a million opcodes, or for the largest file that is read: its bytes, and again when it is decompressed.
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
for name, data in made.items():
    resource.setrlimit(resource.RLIMIT_AS, (used + (3 * MAX_BYTES if "MiB" in name else 160 * 2**20), resource.RLIM_INFINITY))
    try:
        read(data)
        told = "read"
    except InputError as fault:
        told = fault.code
    print(f"{name}: {told}" if "without end" in name else name)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
def test_bombs_cost_little(repository):
    """Memory by a limit on the process; a stack that overflows or a search without end would end it too."""
    from hostile.opcodes import bombs

    done = subprocess.run([sys.executable, "-c", BOMBS], capture_output=True, text=True, timeout=300, cwd=repository)
    told = [f"{name}: PICKLE_LIMIT" if "without end" in name else name for name in bombs()]
    assert (done.returncode, done.stdout.splitlines()) == (0, told), done.stderr


def spent(monkeypatch, data: bytes) -> float:
    """The part of its budget that a file uses."""
    budgets = []
    made = unpickle._budget
    monkeypatch.setattr(unpickle, "_budget", lambda size: budgets.append((made(size), made(size))) or budgets[-1][0])
    unpickle.read(data)
    (left, whole), *_ = budgets
    return 1 - left.bytes / whole.bytes


@pytest.mark.parametrize("path", [p for p in sorted(FITTED.glob("*/*")) if p.suffix in (".pkl", ".joblib")], ids=str)
def test_the_fitted_of_every_minor_version_stay_far_below_the_budget(path, monkeypatch):
    assert spent(monkeypatch, path.read_bytes()) < 0.01


@pytest.mark.parametrize("protocol", [*range(pickle.HIGHEST_PROTOCOL + 1), "joblib"])
def test_a_large_model_with_every_path_that_it_tried_is_read(protocol, monkeypatch):
    """1,200 features, 40 classes, 10 folds of 3 values of C: the file is mostly numbers."""
    model = LogisticRegressionCV()
    rng = np.random.default_rng(3)
    vars(model).update(
        coef_=rng.standard_normal((40, 1200)),
        coefs_paths_={np.int64(c): rng.standard_normal((10, 3, 1201)) for c in range(40)},
        classes_=np.array([f"class {c}" for c in range(40)], dtype=object),
        feature_names_in_=np.array([f"f{i}" for i in range(1200)], dtype=object),
    )
    buffer = io.BytesIO()
    if protocol == "joblib":
        joblib.dump(model, buffer)
    else:
        pickle.dump(model, buffer, protocol=protocol)
    assert spent(monkeypatch, buffer.getvalue()) < 0.95


def test_a_pipeline_of_one_step_a_thousand_times_is_refused_unread(tmp_path):
    step = ("a", StandardScaler().fit([[0.0], [1.0]]))
    path = tmp_path / "many.pkl"
    path.write_bytes(pickle.dumps(Pipeline([step] * 1000)))
    with pytest.raises(InputError, match=r"ESTIMATOR .*found a Pipeline of 1000 steps"):
        convert(path)


def test_a_thousand_values_where_one_is_due_are_not_listed(tmp_path):
    model = LogisticRegressionCV()
    vars(model).update(coef_=np.ones((1, 1)), intercept_=np.ones(1), classes_=np.arange(2), n_iter_=np.ones(1, int))
    vars(model).update(n_features_in_=1, C_=np.arange(1.0, 1001.0))
    path = tmp_path / "many.pkl"
    path.write_bytes(pickle.dumps(model))
    with pytest.raises(InputError, match=r"different C_ for different classes") as caught:
        convert(path)
    assert len(str(caught.value)) < 400
