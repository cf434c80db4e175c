"""plmhead_accelerator, as `make accelerator` has built it: on and off give the same bits and the same errors."""

from __future__ import annotations

import copy
import importlib
import pickle
import sys
import threading
import time
import tomllib
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LogisticRegression

import plmhead
from plmhead import accelerator, doctor
from plmhead.commands.doctor import report

RNG = np.random.default_rng(11)
FEATURES = 19
LARGE = RNG.normal(size=(30_000, FEATURES))  # so many that threads share them


@pytest.fixture(scope="module")
def package(repository):
    """Importable from its own folder while these tests run; the other tests run without it."""
    folder = repository / ".cache" / "accelerator"
    if not folder.exists():
        pytest.skip("needs the accelerator: make accelerator")
    sys.path.insert(0, str(folder))
    accelerator._package.cache_clear()
    try:
        yield importlib.import_module(accelerator.NAME)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == accelerator.NAME]:
            del sys.modules[name]
        accelerator._package.cache_clear()


def twins(estimator, path):
    """The head twice: scored by the accelerator, and by numpy alone."""
    plmhead.save(estimator, path, quiet=True)
    on, off = plmhead.load(path), plmhead.load(path)
    assert on._accelerated is not None
    off.__dict__["_accelerated"] = None
    return on, off


@pytest.fixture(scope="module")
def heads(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    X, y = RNG.normal(size=(90, FEATURES)), RNG.integers(0, 5, 90)
    return [
        twins(LogisticRegression().fit(X.astype(dtype), y % classes), folder / f"{dtype}-{classes}")
        for dtype in ("float32", "float64")
        for classes in (2, 3, 5)
    ]


def outcome(method, x):
    """The bits of a result with its kind, or the error in full."""
    try:
        found = method(x)
    except plmhead.InputError as fault:
        return type(fault), fault.code, fault.where, str(fault)
    return found.tobytes(), found.shape, found.dtype, found.flags.writeable, found.flags.c_contiguous


def check_equal(on, off, x):
    for method in ("decision_function", "predict_proba", "predict"):
        assert outcome(getattr(on, method), x) == outcome(getattr(off, method), x), (method, on)
    try:
        results = on.score_all(x)
    except plmhead.InputError:
        return
    for ours, plain in zip(results, off.score_all(x), strict=True):
        assert ours.tobytes() == plain.tobytes()


@given(st.data())
def test_on_and_off_are_equal_whatever_the_values(heads, data):
    """Any number of any size, NaN and infinity too, in rows that lie in any way."""
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    x = data.draw(arrays(dtype, st.tuples(st.integers(0, 12), st.just(FEATURES)), fill=st.just(dtype(0))))
    layout = data.draw(st.sampled_from([np.ascontiguousarray, np.asfortranarray, lambda x: x[::-1], lambda x: x[::2]]))
    check_equal(*data.draw(st.sampled_from(heads)), layout(x))


@given(st.data())
def test_on_and_off_are_equal_for_finite_values(heads, data):
    """Numbers so small that most decisions are finite."""
    dtype, width = data.draw(st.sampled_from([(np.float32, 32), (np.float64, 64)]))
    values = st.floats(-1e6, 1e6, width=width, allow_subnormal=True)
    x = data.draw(arrays(dtype, st.tuples(st.integers(1, 30), st.just(FEATURES)), elements=values))
    check_equal(*data.draw(st.sampled_from(heads)), x)


@pytest.mark.parametrize(
    "x",
    [
        LARGE[0],
        LARGE[:, 1:],
        LARGE[:5].astype(np.float16),
        LARGE[:5].astype(">f4"),
        LARGE[:5].tolist(),
        LARGE[:5].astype(np.int32),
        LARGE[:5].astype(np.int64),
        LARGE[:5].astype(object),
        [[1.0], [1.0, 2.0]],
        None,
        LARGE[:0],
        np.full((3, FEATURES), 1.7e308),
        np.copysign(np.inf, LARGE[:4]),
        np.frombuffer(b"\0" + LARGE[:6].tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(6, FEATURES),
        np.broadcast_to(LARGE[0], (40, FEATURES)),
        LARGE[:4][None],
    ],
    ids=range(16),
)
def test_what_is_refused_is_refused_alike(heads, x):
    for on, off in heads:
        check_equal(on, off, x)


@pytest.mark.parametrize("threads", ["1", "2", "7"])
def test_the_bits_do_not_depend_on_threads(heads, monkeypatch, threads):
    monkeypatch.setenv("PLMHEAD_THREADS", threads)
    for on, off in heads:
        head = copy.copy(on)  # without its scorer
        assert "_accelerated" not in head.__dict__
        for x in (LARGE, LARGE.astype(np.float32)):
            check_equal(head, off, x)


def test_a_head_is_scored_from_several_threads_at_once(heads):
    on, off = heads[0]
    expected, found = off.predict_proba(LARGE).tobytes(), []
    threads = [threading.Thread(target=lambda: found.append(on.predict_proba(LARGE).tobytes())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_other_python_code_runs_meanwhile(heads):
    """The interpreter's lock is given back: another thread gets on, though none may take the lock away."""
    on, x = heads[-1][0], np.tile(LARGE, (8, 1))
    z, p = np.empty((len(x), len(on.coef))), np.empty((len(x), len(on.classes)))
    counts, done, interval = [0], threading.Event(), sys.getswitchinterval()

    def count():
        while not done.is_set():
            counts[0] += 1
            time.sleep(0)  # which gives the lock back too

    thread = threading.Thread(target=count)
    thread.start()
    try:
        sys.setswitchinterval(1000)
        before = counts[0]
        assert on._accelerated.score(x, z, p)
        assert counts[0] > before
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join()


def test_x_is_read_where_it_lies(heads):
    """No copy: the memory that a call takes beside its results is far below the input's."""
    import tracemalloc

    on, _ = heads[0]
    on.predict_proba(LARGE[:1])
    tracemalloc.start()
    on.predict_proba(LARGE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < LARGE.nbytes / 2


def test_a_head_can_be_pickled_and_copied(heads):
    for on, off in heads:
        on.predict(LARGE[:1])
        for twin in (pickle.loads(pickle.dumps(on)), copy.copy(on), copy.deepcopy(on)):
            assert twin.predict_proba(LARGE).tobytes() == off.predict_proba(LARGE).tobytes()
            assert twin._accelerated is not None


def test_wrong_results_are_refused(heads):
    """The package's own checks: what plmhead would never hand to it."""
    scorer = heads[0][0]._accelerated
    z, p = np.empty((2, 1)), np.empty((2, 2))
    assert scorer.score(LARGE[:2], z, p)
    for wrong in (np.empty((3, 1)), z.astype(np.float32), None):
        with pytest.raises((BufferError, TypeError)):
            scorer.score(LARGE[:2], wrong, p)
    z.setflags(write=False)
    with pytest.raises(BufferError):
        scorer.score(LARGE[:2], z, p)
    for x in (LARGE[:2, 1:], LARGE[0], LARGE[:2].astype(np.int64), LARGE[:2].astype(">f8")):
        assert not scorer.score(x, np.empty((2, 1)), p)


def test_versions_agree(package, repository):
    cargo = tomllib.loads((repository / "accelerator/Cargo.toml").read_text())["package"]["version"]
    assert package.__version__ == cargo == plmhead.__version__
    assert package.INTERFACE == accelerator.INTERFACE


def test_turned_off(heads, monkeypatch):
    monkeypatch.setenv("PLMHEAD_ACCELERATOR", "off")
    monkeypatch.setattr(accelerator, "_package", accelerator._package.__wrapped__)
    assert copy.copy(heads[0][0])._accelerated is None
    assert "\naccelerator: PLMHEAD_ACCELERATOR is off, numpy scores\n" in "\n".join(report(doctor.examine()))


def test_another_interface_is_ignored_with_one_warning(package, heads, monkeypatch):
    monkeypatch.setattr(accelerator, "INTERFACE", 2)
    accelerator._package.cache_clear()
    on, off = heads[0]
    try:
        with pytest.warns(RuntimeWarning, match="found scoring interface 1, expected 2: install") as caught:
            first = copy.copy(on).predict_proba(LARGE[:9])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            second = copy.copy(on).predict_proba(LARGE[:9])
    finally:
        accelerator._package.cache_clear()
    assert len(caught) == 1
    assert first.tobytes() == second.tobytes() == off.predict_proba(LARGE[:9]).tobytes()
    assert doctor._accelerator()["state"] == "ignored"


def test_a_package_that_does_not_load_is_ignored(monkeypatch, tmp_path, package):
    for name in [name for name in sys.modules if name.partition(".")[0] == accelerator.NAME]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / f"{accelerator.NAME}.py").write_text("raise ImportError('libc.so.6: version GLIBC_2.99 not found')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert accelerator.look() == ("ignored", None, "libc.so.6: version GLIBC_2.99 not found", None)


def test_a_pair_that_the_package_refuses_is_scored_by_numpy(package):
    with pytest.warns(RuntimeWarning, match="numpy scores instead: CONFIG_UTF8|numpy scores instead: JSON_"):
        assert accelerator.scorer(b"", b"{") is None


def test_a_wrong_number_of_threads_is_told(monkeypatch):
    monkeypatch.setenv("PLMHEAD_THREADS", "all")
    with pytest.warns(RuntimeWarning, match="PLMHEAD_THREADS=all, expected a number from 1"):
        assert accelerator._threads() == 0


def test_without_the_package_numpy_scores(monkeypatch):
    monkeypatch.setattr(accelerator, "NAME", "plmhead_accelerator_that_is_not_there")
    assert accelerator.look() == ("missing", None, None, None)
