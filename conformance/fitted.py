"""Make the cases of `cases/fitted/` from models fitted by the installed scikit-learn: `python -m conformance.fitted`.

Another scikit-learn, BLAS or processor gives other weights, so a case is made once and then frozen: a folder that is there is left alone.
`generate --check` verifies the frozen files by their digests and by the oracle. Run `python -m conformance.generate` afterwards.
"""

import struct
import sys
from fractions import Fraction

from .frozen import differences
from .generate import FROZEN, HERE
from .ieee import from_fraction, hex16, to_fraction
from .pair import Head, version_1
from .splitmix import SplitMix64
from .suite import Predict, Rows, Suite, write_case

# slug, features, classes, precision of the fit, labels, solver, scaler, fit_intercept
MODELS = (
    ("binary-n8-f64", 8, 2, "f8", "int", "lbfgs", False, True),
    ("binary-n32-f32", 32, 2, "f4", "int", "lbfgs", False, True),
    ("binary-n64-text", 64, 2, "f8", "str", "newton-cholesky", False, True),
    ("binary-n8-liblinear", 8, 2, "f8", "float", "liblinear", False, True),
    ("binary-n32-no-intercept", 32, 2, "f8", "bool", "lbfgs", False, False),
    ("binary-n320-f32", 320, 2, "f4", "int", "lbfgs", False, True),
    ("three-n8-f64", 8, 3, "f8", "int", "lbfgs", False, True),
    ("five-n32-f32", 32, 5, "f4", "str", "lbfgs", False, True),
    ("three-n64-saga", 64, 3, "f8", "int", "saga", False, True),
    ("scaler-binary-n32", 32, 2, "f8", "int", "lbfgs", True, True),
    ("scaler-three-n8", 8, 3, "f8", "str", "lbfgs", True, True),
)
LABELS = {
    "int": [0, 1, 2],
    "float": [0.0, 1.0],
    "bool": [False, True],
    "str": ["high", "low", "mid", "none", "very high"],
}
DTYPES = {"int": "<i8", "float": "<f8", "bool": "|b1", "str": "<U9"}


def bits_of(values: object) -> list[int]:
    """Numpy numbers as binary64 bits."""
    return [struct.unpack("<Q", struct.pack("<d", float(v)))[0] for v in values]


def data(n: int, classes: int, precision: str, seed: int) -> tuple[object, list[int], list[list[int]]]:
    """Training rows whose classes overlap, their class numbers, and eight rows to predict, as bits."""
    import numpy

    rng = SplitMix64(seed)
    bits = 20 if precision == "f4" else 40
    count = max(60, n // 2)
    y = [i % classes for i in range(count)]
    shift = [[to_fraction(rng.real(10, -1)) for _ in range(n)] for _ in range(classes)]
    # Features of unlike size and mean, as embeddings have, so that a scaler matters.
    offset = [i % 5 - 2 for i in range(n)]
    rows = [
        [
            from_fraction((to_fraction(rng.real(bits)) + shift[c][i]) * Fraction(2) ** (i % 7 - 3) + offset[i])
            for i in range(n)
        ]
        for c in y
    ]
    x = numpy.array([[struct.unpack("<d", struct.pack("<Q", v))[0] for v in row] for row in rows])
    if precision == "f4":
        x = x.astype(numpy.float32)
        rows = [bits_of(row) for row in x]
    return x, y, rows[:8]


def fit(
    slug: str, n: int, classes: int, precision: str, kind: str, solver: str, scaled: bool, intercept: bool
) -> dict[str, object]:
    """The fitted parameters and scikit-learn's own answers, computed in float64 throughout."""
    import numpy
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x, y, rows = data(n, classes, precision, sum(slug.encode()))
    labels = numpy.array([LABELS[kind][c] for c in y])
    scaler = StandardScaler().fit(x) if scaled else None
    model = LogisticRegression(solver=solver, fit_intercept=intercept, max_iter=1000, random_state=0)
    model.fit(scaler.transform(x) if scaler else x, labels)
    fitted_dtype = model.coef_.dtype
    coef, intercepts = (
        model.coef_.astype(numpy.float64),
        numpy.broadcast_to(numpy.asarray(model.intercept_, dtype=numpy.float64), (len(model.coef_),)),
    )
    model.coef_, model.intercept_ = coef, numpy.array(intercepts)
    test = x[:8].astype(numpy.float64)
    test = scaler.transform(test) if scaler else test
    return {
        "coef": [bits_of(row) for row in coef],
        "intercept": bits_of(intercepts),
        "dtype": "<f4" if fitted_dtype == numpy.float32 else "<f8",
        "classes": model.classes_.tolist(),
        "n_iter": [int(v) for v in model.n_iter_][:1],
        "rows": rows,
        "mean": bits_of(scaler.mean_) if scaler else None,
        "scale": bits_of(scaler.scale_) if scaler else None,
        "decision": bits_of(model.decision_function(test).ravel()),
        "probability": bits_of(model.predict_proba(test).ravel()),
        "labels": model.predict(test).tolist(),
    }


def fold(fitted: dict[str, object]) -> tuple[list[list[int]], list[int]]:
    """w_i / s_i, rounded once; b - sum of w_i m_i / s_i, exact and rounded once."""
    mean, scale = [to_fraction(v) for v in fitted["mean"]], [to_fraction(v) for v in fitted["scale"]]
    coef, intercept = [], []
    for row, b in zip(fitted["coef"], fitted["intercept"], strict=True):
        exact = [to_fraction(w) / s for w, s in zip(row, scale, strict=True)]
        coef.append([from_fraction(w) for w in exact])
        intercept.append(from_fraction(to_fraction(b) - sum(w * m for w, m in zip(exact, mean, strict=True))))
    return coef, intercept


def make(suite: Suite, model: tuple[str, int, int, str, str, str, bool, bool]) -> None:
    import sklearn

    slug, n, classes, precision, kind, solver, scaled, _ = model
    fitted = fit(*model)
    coef, b = fold(fitted) if scaled else (fitted["coef"], fitted["intercept"])
    labels = bits_of(fitted["classes"]) if kind == "float" else fitted["classes"]
    head = Head(coef, b, labels, DTYPES[kind], fitted["dtype"], fitted["dtype"], fitted["n_iter"])
    training = {"training": {"folded": ["standard_scaler"]}} if scaled else {}
    pair = version_1(
        head, sklearn_version=sklearn.__version__, solver=solver, max_iter=1000, random_state=0, **training
    )
    what = f"scikit-learn {sklearn.__version__}, {solver}, fitted in {precision}, {classes} classes, {n} features"
    what += ", a StandardScaler folded" if scaled else ""
    what += ": strict bits, inside the proved bound around scikit-learn's"
    suite.accept(
        f"{FROZEN}/{slug}",
        "section 14",
        what,
        pair,
        [Predict(Rows(fitted["rows"])), *([Predict(Rows(fitted["rows"], "f4"))] if precision == "f4" else [])],
    )
    record = {
        "version": sklearn.__version__,
        "decision": [hex16(v) for v in fitted["decision"]],
        "probability": [hex16(v) for v in fitted["probability"]],
        "labels": [head.tagged(v) for v in (bits_of(fitted["labels"]) if kind == "float" else fitted["labels"])],
    }
    if scaled:
        record["pipeline"] = {
            "coef": [hex16(w) for row in fitted["coef"] for w in row],
            **{name: [hex16(v) for v in fitted[name]] for name in ("intercept", "mean", "scale")},
        }
    suite.cases[f"{FROZEN}/{slug}"].record["scikit_learn"] = record


def main() -> int:
    made = 0
    for model in MODELS:
        folder = HERE / "cases" / FROZEN / model[0]
        if folder.exists():
            continue
        suite = Suite()
        make(suite, model)
        write_case(suite.cases[f"{FROZEN}/{model[0]}"], HERE)
        wrong = differences(folder)
        if wrong:
            raise SystemExit(f"{folder.name}: {', '.join(wrong)}")
        made += 1
    print(f"conformance-fitted: {made} made, {len(MODELS) - made} there already")
    return 0


if __name__ == "__main__":
    sys.exit(main())
