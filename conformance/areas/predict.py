"""Accept cases on labels, thresholds, batches and input errors (P1, P3, P6, P7)."""

from ..ieee import INF, ONE, SIGN, ZERO, dyadic, from_decimal, narrow32, widen32
from ..json_bytes import Raw
from ..oracle import logistic
from ..pair import Head, integers, version_1
from ..splitmix import SplitMix64
from ..suite import Predict, Rows, Suite
from .base import ASSAYS
from .curves import reals, softmax_head
from .sums import TINY, real

NAN = 0x7FF8000000000000

NONFINITE_32 = {"inf": 0x7F800000, "nan": 0x7FC00000}


def labels(suite: Suite) -> None:
    head = Head([[ONE]], [ZERO], labels=[-1, 1])
    ties = [
        ZERO,
        SIGN,
        TINY,
        SIGN | TINY,
        dyadic(1, -60),
        dyadic(-1, -60),
        real("1e-17"),
        real("1e-16"),
        real("-1e-17"),
    ]
    suite.accept(
        "label/tie",
        "P6",
        "threshold 0.5 means z > 0: z = 0 and -0 are class 0, z = 2^-1074 is class 1 though p1 is 0.5",
        version_1(head),
        [Predict(Rows([[z] for z in ties]))],
    )
    grid = Rows([[v] for v in (ZERO, *reals("-0.3", "0.198", "0.199", "5", "-800", "800", "40", "1e-17"))])
    predictions = [
        Predict(grid, threshold=real(t))
        for t in ("0", "0.5", "0.5495", "1", "5e-324", "0.49999999999999994", "0.5000000000000001")
    ]
    suite.accept(
        "label/threshold-argument",
        "P7",
        "thresholds from 0 to 1: p1 > t, strictly, but z > 0 for exactly 0.5",
        version_1(head),
        [*predictions, Predict(grid, threshold=SIGN)],
    )
    p = [from_decimal("0.198"), from_decimal("-1.5"), from_decimal("3")]
    equal = [logistic(z)[1] for z in p]
    suite.accept(
        "label/p-equals-t",
        "P6",
        "p1 exactly equal to the threshold is class 0; one unit below it, class 1",
        version_1(head),
        [Predict(Rows([[z] for z in p]), threshold=t + d) for t in equal for d in (0, -1, 1)],
    )
    stored = version_1(head, threshold=Raw("0.5495"))
    suite.accept(
        "label/stored-threshold",
        "P7",
        "the threshold of the file is in force, unless an argument is given",
        stored,
        [Predict(grid), Predict(grid, threshold=real("0.5")), Predict(grid, threshold=real("0"))],
    )
    tail = Rows([[v] for v in reals("-40", "-41", "-50", "-700")])
    suite.accept(
        "label/small-probability",
        "P6",
        "p1 near 1e-18 is above a threshold of 0 or 1e-18: it is not found as 1 - p0, which is 0",
        version_1(head),
        [Predict(tail, threshold=real(t)) for t in ("0", "1e-18", "1e-21")],
    )
    suite.accept(
        "label/small-threshold",
        "P6",
        "the same with the threshold of the file and of an assay",
        version_1(head, threshold=Raw("1e-18"), assays={"low": Raw("1e-300")}),
        [Predict(tail), Predict(tail, assay_type="low")],
    )
    suite.accept(
        "label/assay-over-argument",
        "P7",
        "an assay type overrides an argument of 0 and of 1",
        version_1(Head([[real("-2")]], [ONE]), assays={"strict": Raw("0.999"), "lax": Raw("0.001")}),
        [Predict(grid, threshold=real(t), assay_type=name) for t in ("0", "1") for name in ("strict", "lax")],
    )
    suite.accept(
        "label/assay-case-twins",
        "P7",
        "names that differ by case, by normalisation or by a space are different assay types",
        version_1(
            head,
            assays={"a": Raw("0.1"), "A": Raw("0.9"), "\u00e9": Raw("0.2"), "e\u0301": Raw("0.8"), "a ": Raw("0.5")},
        ),
        [Predict(grid, assay_type=name) for name in ("a", "A", "\u00e9", "e\u0301", "a ")],
    )
    both = version_1(head, threshold=Raw("0.25"), assays={**ASSAYS, "CIC": Raw("1"), "zero": Raw("0")})
    suite.accept(
        "label/assay-type",
        "P7",
        "an assay type overrides argument and file; PSR is 0.5495",
        both,
        [
            Predict(grid),
            Predict(grid, assay_type="ELISA"),
            Predict(grid, assay_type="PSR"),
            Predict(grid, assay_type="CIC"),
            Predict(grid, assay_type="zero"),
            Predict(grid, threshold=real("0.9"), assay_type="ELISA"),
        ],
    )
    for token, name in (
        ("0", "zero"),
        ("1", "one"),
        ("-0.0", "negative-zero"),
        ("0.50", "half-spelled"),
        ("5e-1", "half-exponent"),
    ):
        suite.accept(
            f"label/threshold-{name}",
            "P7",
            f"a stored threshold written as {token}",
            version_1(head, threshold=Raw(token)),
            [Predict(grid)],
        )


def batches(suite: Suite) -> None:
    rng = SplitMix64(0xBA7C4)
    head = Head([rng.row(10)], [rng.real()], labels=[5, -5])
    for m in (0, 1, 2, 31, 33, 64):
        rows = [rng.row(10, 53, 2) for _ in range(m)]
        suite.accept(
            f"batch/r{m}",
            "P1",
            f"{m} rows: each is scored as if alone" if m else "no rows: empty results, no error",
            version_1(head),
            [Predict(Rows(rows, cols=10))],
        )
    soft = Head([rng.row(4) for _ in range(3)], rng.row(3), labels=[0, 1, 2])
    suite.accept(
        "batch/softmax-r0",
        "P1",
        "no rows for a softmax head: empty results",
        version_1(soft),
        [Predict(Rows([], cols=4)), Predict(Rows([], "f4", cols=4))],
    )
    suite.accept(
        "batch/softmax-r33",
        "P1",
        "33 rows of a softmax head",
        version_1(soft),
        [Predict(Rows([rng.row(4) for _ in range(33)]))],
    )
    row = rng.row(10)
    suite.accept(
        "batch/row-twice",
        "P1",
        "the same row at the begin, middle and end of a batch, and alone",
        version_1(head),
        [Predict(Rows([row, rng.row(10), row, rng.row(10), row])), Predict(Rows([row]))],
    )


def input_errors(suite: Suite) -> None:
    rng = SplitMix64(0x19)
    head = Head([rng.row(5)], [rng.real()])
    good = rng.row(5)
    pair = version_1(head, assays=ASSAYS)
    suite.accept(
        "input/columns",
        "P1",
        "one column too few or too many is an error, also without rows, and the head still works after it",
        pair,
        [Predict(Rows([rng.row(4)])), Predict(Rows([rng.row(6)])), Predict(Rows([], cols=4)), Predict(Rows([good]))],
    )
    wide, soft4 = rng.row(8), softmax_head(4)
    suite.accept(
        "input/column-more",
        "P1",
        "one column too many, also where the number of values is a multiple of the features",
        version_1(Head([wide[:7]], [ZERO])),
        [Predict(Rows([wide])), Predict(Rows([wide] * 7)), Predict(Rows([wide[:7]]))],
    )
    suite.accept(
        "input/column-more-softmax",
        "P1",
        "one column too many and too few for a softmax head, in binary32",
        version_1(soft4),
        [Predict(Rows([integers(*range(c))], "f4")) for c in (5, 3, 4)],
    )
    suite.accept(
        "input/transposed",
        "P1",
        "5 features given as a 5 by 1 matrix is an error, not one row",
        pair,
        [Predict(Rows([[v] for v in good]))],
    )

    def with_value(row: int, column: int, bits: int, rows: int = 3) -> Rows:
        x = [list(good) for _ in range(rows)]
        x[row][column] = bits
        return Rows(x)

    spots = [
        Predict(with_value(0, 0, NAN)),
        Predict(with_value(2, 4, NAN)),
        Predict(with_value(1, 3, INF)),
        Predict(with_value(1, 0, INF | SIGN)),
        Predict(with_value(2, 1, INF + 1)),
        Predict(with_value(0, 4, NAN | SIGN)),
    ]
    two = with_value(1, 4, INF)
    two.rows[2][0] = NAN
    suite.accept(
        "input/nonfinite-f8",
        "P1",
        "NaN (quiet, signalling, negative) and infinity are named by the first place, row by row",
        pair,
        [*spots, Predict(two), Predict(Rows([good]))],
    )
    patterns = [[narrow32(real("0.5"))] * 5 for _ in range(2)]
    f4 = []
    for r, c, kind in ((0, 2, "nan"), (1, 4, "inf")):
        raw = [list(row) for row in patterns]
        raw[r][c] = NONFINITE_32[kind]
        f4.append(Predict(Rows([[widen32(v) for v in row] for row in raw], "f4", raw=raw)))
    suite.accept("input/nonfinite-f4", "P1", "NaN and infinity in binary32 input", pair, f4)
    big = Head([[real("1e200")] * 3], [ZERO])
    suite.accept(
        "input/overflow",
        "P3",
        "a product or a sum that overflows names the first such row, and nothing is returned",
        version_1(big),
        [
            Predict(Rows([reals("1", "1", "1"), reals("1e200", "0", "0"), reals("1e200", "1", "1")])),
            Predict(Rows([reals("1e200", "-1e200", "0")])),
            Predict(Rows([reals("1e108", "1e108", "0")])),
            Predict(Rows([reals("1.7e108", "1.7e108", "-1.7e108")])),
        ],
    )
    mixed = Rows([reals("1e200", "0", "0"), [ONE, ONE, NAN]])
    suite.accept(
        "input/nonfinite-before-overflow",
        "P1",
        "row 0 overflows and row 1 holds NaN: NaN is found first, because nothing is scored before",
        version_1(big),
        [Predict(mixed)],
    )
    soft = Head([[ONE], [real("1e200")], [ZERO]], integers(0, 0, 0), labels=[0, 1, 2])
    suite.accept(
        "input/overflow-softmax",
        "P3",
        "one class overflows: the row is an error for softmax too",
        version_1(soft),
        [Predict(Rows([[ONE], [real("1e200")]])), Predict(Rows([[real("-1e200")]]))],
    )
    x = Rows([good])
    suite.accept(
        "input/threshold",
        "P7",
        "a threshold outside [0, 1], NaN or infinite is an error",
        pair,
        [
            Predict(x, threshold=t)
            for t in (real("-1e-300"), real("1.0000000000000002"), NAN, INF, SIGN | INF, real("2"), SIGN | TINY)
        ],
    )
    suite.accept(
        "input/threshold-with-assay",
        "P7",
        "a bad argument is an error even where an assay type would override it",
        pair,
        [Predict(x, threshold=real("1.5"), assay_type="ELISA"), Predict(x, threshold=real("1.5"), assay_type="none")],
    )
    bad_row = Rows([good, [good[0], NAN, *good[2:]]])
    suite.accept(
        "input/order",
        "P7",
        "threshold and assay type are checked after the rows: shape, NaN and overflow come first; without rows they still count",
        version_1(Head([[real("1e200")] * 5], [ZERO]), assays=ASSAYS),
        [
            Predict(bad_row, threshold=real("2")),
            Predict(Rows([good[:4]]), threshold=real("2"), assay_type="none"),
            Predict(Rows([good, [real("1e200")] * 5]), threshold=real("2")),
            Predict(Rows([[real("1e200")] * 5]), assay_type="none"),
            Predict(Rows([], cols=5), threshold=real("2")),
            Predict(Rows([], cols=5), assay_type="none"),
        ],
    )
    suite.accept(
        "input/nonfinite-before-threshold",
        "P7",
        "NaN in the rows comes before a threshold of 2 and before an assay type that is none",
        pair,
        [Predict(bad_row, threshold=real("2")), Predict(bad_row, assay_type="none"), Predict(bad_row, threshold=NAN)],
    )
    suite.accept(
        "input/overflow-before-assay",
        "P7",
        "a decision that overflows comes before an assay type that is none, for softmax before any threshold",
        version_1(Head([[real("1e200")], [ONE], [ZERO]], integers(0, 0, 0), labels=[0, 1, 2])),
        [
            Predict(Rows([[real("1e200")]]), assay_type="none"),
            Predict(Rows([[real("1e200")]]), threshold=real("0.5")),
            Predict(Rows([[ONE]]), threshold=real("0.5"), assay_type="none"),
        ],
    )
    suite.accept(
        "input/assay-unknown",
        "P7",
        "an unknown assay type is an error; names are compared exactly",
        pair,
        [Predict(x, assay_type=name) for name in ("elisa", "ELISA ", "", "__proto__", "toString", "SPR")],
    )
    suite.accept(
        "input/softmax-threshold",
        "P7",
        "softmax takes no threshold, not even 0.5, and has no assay type",
        version_1(softmax_head(3)),
        [
            Predict(Rows([reals("1", "2", "3")]), threshold=real("0.5")),
            Predict(Rows([reals("1", "2", "3")]), assay_type="ELISA"),
            Predict(Rows([reals("1", "2", "3")])),
        ],
    )
    suite.accept(
        "input/softmax-threshold-rows",
        "P7",
        "softmax takes no threshold, with any number of rows",
        version_1(soft4),
        [
            Predict(Rows([integers(*range(4))] * m, cols=4), threshold=t)
            for m in (0, 2)
            for t in (ZERO, real("0.5"), ONE)
        ],
    )
