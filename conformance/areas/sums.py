"""Accept cases on the sum of P2: probes, exact sums, ESM widths, cancellation."""

from ..ieee import ONE, SIGN, ZERO, dyadic, from_decimal, widen32
from ..oracle import lanes
from ..pair import Head, integers, version_1
from ..splitmix import SplitMix64
from ..suite import Predict, Rows, Suite

TINY = 1  # 2^-1074


def real(text: str) -> int:
    return from_decimal(text)


def one_hot(n: int, i: int) -> list[int]:
    return [ONE if c == i else ZERO for c in range(n)]


def probes(suite: Suite) -> None:
    """One weight a row: a weight rounded, dropped or swapped shows with no rounding of the sum to hide it."""
    for n in (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 33, 320, 1280):
        rng = SplitMix64(0x0E0 + n)
        head = Head([rng.row(n)], [ZERO])
        chosen = range(n) if n <= 17 else sorted({0, 8, n - 8, n - 1})
        suite.accept(
            f"probe/n{n}",
            "P2",
            f"each row reads one full-mantissa weight of {n}: a dropped tail or a weight cut to fewer digits shows",
            version_1(head),
            [Predict(Rows([one_hot(n, i) for i in chosen], "f4" if n > 300 else "f8"))],
        )
    special = [
        TINY,
        SIGN | TINY,
        dyadic(1, -1022) - 1,
        real("1e300"),
        SIGN,
        dyadic(2**53 - 1, 960),
        real("1e-300"),
        ZERO,
        real("-2.5"),
    ]
    head = Head([special], [ZERO])
    suite.accept(
        "probe/special-weights",
        "P2",
        "subnormal, negative zero and very large weights survive; flushing subnormals shows in describe and in the scores",
        version_1(head),
        [Predict(Rows([one_hot(9, i) for i in range(9)]))],
    )
    head = Head([[TINY, SIGN | 3, dyadic(1, -1023), (1 << 52) - 1]], [ZERO])
    suite.accept(
        "probe/subnormal-weights",
        "P2",
        "subnormal weights times large inputs give ordinary decisions: not with flushing",
        version_1(head),
        [
            Predict(Rows([[dyadic(1, 1000) if c == i else ZERO for c in range(4)] for i in range(4)])),
            Predict(Rows([[dyadic(5, 1020)] * 4])),
        ],
    )
    head = Head([integers(0, 0, 0)], [real("-0.3")])
    suite.accept(
        "probe/intercept-only",
        "P2",
        "zero weights: the decision is the intercept, added once",
        version_1(head),
        [Predict(Rows([integers(1, 2, 3), [SIGN, SIGN, SIGN]]))],
    )
    rng = SplitMix64(0x0E3)
    head = Head([rng.row(9) for _ in range(3)], integers(0, 0, 0), labels=[0, 1, 2])
    suite.accept(
        "probe/softmax",
        "P2",
        "each row reads one column of three weights: transposed coefficients show",
        version_1(head),
        [Predict(Rows([one_hot(9, i) for i in range(9)]))],
    )


def exact_sums(suite: Suite) -> None:
    head = Head([integers(1, 2, 3, 4, 5, 6, 7, 8, 2**53, 1, -(2**53))], [real("0.5")])
    suite.accept(
        "exact/spec-example",
        "P2",
        "the example of the specification: 35.5 in eight lanes, 36.5 from left to right, 37.5 exactly",
        version_1(head),
        [Predict(Rows([integers(*[1] * 11)]))],
    )
    for n in (4, 16, 100):
        rng = SplitMix64(0xE4AC7 + n)
        head = Head([rng.row(n, 12, 4)], [rng.real(12, 2)])
        suite.accept(
            f"exact/dyadic-n{n}",
            "P2",
            "short dyadic numbers: every order of the sum is exact, so a difference is not the order's fault",
            version_1(head),
            [Predict(Rows([rng.row(n, 12, 3) for _ in range(4)]))],
        )
    head = Head([integers(0, 1)], [SIGN])
    suite.accept(
        "exact/signed-zero",
        "P2",
        "the lanes start at +0, so zero products end in +0 and only then meet an intercept of -0",
        version_1(head),
        [Predict(Rows([[SIGN, SIGN], [ZERO, ZERO], [ONE, SIGN]]))],
    )
    head = Head([[dyadic(1, -1000)] * 2], [ZERO])
    suite.accept(
        "exact/product-underflow",
        "P2",
        "products below 2^-1022 are subnormal or round to zero, once",
        version_1(head),
        [Predict(Rows([[dyadic(1, -74), dyadic(1, -75)], [dyadic(3, -76), ZERO], [dyadic(5, -30), dyadic(-5, -30)]]))],
    )


def random_widths(suite: Suite) -> None:
    for n in (320, 480, 640, 1280, 2560, 5120):
        dtype = "<f4" if n in (480, 5120) else "<f8"
        bits = 24 if dtype == "<f4" else 53
        rng = SplitMix64(0xE5A + n)
        head = Head([rng.row(n, bits, -3)], [rng.real(bits)], coef_dtype=dtype, intercept_dtype=dtype)
        predictions = [Predict(Rows([rng.row(n, 24, 1) for _ in range(2)], "f4"))]
        if n <= 1280:  # enough for the other precision: the files of wider rows are large
            predictions.append(Predict(Rows([rng.row(n, 53, 1) for _ in range(2)])))
        suite.accept(
            f"width/n{n}", "P2", f"a head of ESM width {n}, coefficients {dtype}", version_1(head), predictions
        )
    for coef, intercept, name in (("<f4", "<f8", "f4-f8"), ("<f8", "<f4", "f8-f4"), ("<f4", "<f4", "f4-f4")):
        rng = SplitMix64(0xF4 + len(name))
        head = Head(
            [rng.row(33, 24 if coef == "<f4" else 53)], [rng.real(24)], coef_dtype=coef, intercept_dtype=intercept
        )
        suite.accept(
            f"width/mixed-{name}",
            "P2",
            f"coef {coef} with intercept {intercept}: both are widened, and the sum is in binary64",
            version_1(head),
            [Predict(Rows([rng.row(33, 24) for _ in range(3)], "f4")), Predict(Rows([rng.row(33) for _ in range(3)]))],
        )
    for k, n in ((3, 320), (4, 17), (10, 33), (100, 5)):
        rng = SplitMix64(0x50F7 + k)
        head = Head([rng.row(n, 53, -1) for _ in range(k)], rng.row(k), labels=list(range(k)))
        suite.accept(
            f"width/softmax-k{k}",
            "P5",
            f"{k} classes on {n} features",
            version_1(head),
            [Predict(Rows([rng.row(n) for _ in range(3)]))],
        )
    subnormal = [widen32(1), widen32(0x007FFFFF), widen32(0x80000001), widen32(0x7F7FFFFF)]
    head = Head([subnormal], [widen32(0x80000000)], coef_dtype="<f4", intercept_dtype="<f4")
    suite.accept(
        "width/f4-extremes",
        "P2",
        "the smallest and the largest binary32 numbers, weights and inputs, widened without loss",
        version_1(head),
        [Predict(Rows([one_hot(4, i) for i in range(4)], "f4")), Predict(Rows([subnormal], "f4"))],
    )


def cancellation(suite: Suite) -> None:
    big = real("1e16")
    head = Head([[big, ONE, real("-1e16"), *[ZERO] * 5, big, ONE, real("-1e16")]], [ZERO])
    suite.accept(
        "cancel/1e16",
        "P2",
        "1e16 + 1 - 1e16: what is left depends on the order, and the order is given",
        version_1(head),
        [
            Predict(
                Rows(
                    [
                        integers(*[1] * 11),
                        integers(1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0),
                        integers(1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1),
                    ]
                )
            )
        ],
    )
    rng = SplitMix64(0xCA9CE1)
    n = 64
    w = rng.row(n)
    x = rng.row(n)
    z = lanes(x, w, ZERO)
    head = Head([w], [z ^ SIGN])
    swapped = [x[i ^ 1] for i in range(n)]
    suite.accept(
        "cancel/near-zero",
        "P2",
        "the intercept is minus the sum: z is exactly 0 in the given order and a few units off in another",
        version_1(head),
        [Predict(Rows([x, swapped]))],
    )
    twin = [w[i ^ 8] for i in range(n)]
    suite.accept(
        "cancel/permuted-twin",
        "P2",
        "the features of cancel/near-zero within their lanes permuted: the sum must not be sorted or compensated",
        version_1(Head([twin], [z ^ SIGN])),
        [Predict(Rows([[x[i ^ 8] for i in range(n)]]))],
    )
    # (1 + 2^-30)^2 = 1 + 2^-29 + 2^-60: the last term is rounded away unless the product is fused with the sum.
    e = dyadic(2**30 + 1, -30)
    head = Head([[e, *[ZERO] * 7, ONE]], [ZERO])
    suite.accept(
        "cancel/fma",
        "P2",
        "the product of two 31-bit numbers is rounded before it is added: a fused multiply-add leaves 2^-60",
        version_1(head),
        [Predict(Rows([[e, *[ZERO] * 7, dyadic(-(2**29 + 1), -29)]]))],
    )
    head = Head([[ONE] * 9], [ZERO])
    row = [dyadic(1, 0), ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, dyadic(2**11 + 1, -64)]
    other = [dyadic(2**52 + 1, -52), ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, dyadic(2**11 - 1, -64)]
    suite.accept(
        "cancel/double-rounding",
        "P2",
        "sums just beside a tie: an 80-bit register rounds twice and misses",
        version_1(head),
        [Predict(Rows([row, other]))],
    )
    rng = SplitMix64(0x3A9)
    wide = [dyadic((rng.below(2**53) | 1) * (-1) ** rng.below(2), rng.below(160) - 133) for _ in range(40)]
    head = Head([wide], [ONE])
    suite.accept(
        "cancel/wide-exponents",
        "P2",
        "terms from 2^-133 to 2^80 in one sum",
        version_1(head),
        [Predict(Rows([rng.row(40) for _ in range(4)]))],
    )
    n = 1280
    rng = SplitMix64(0x1280)
    half = rng.row(n // 2, 53, -2)
    w = [v for pair in zip(half, [b ^ SIGN for b in half], strict=True) for v in pair]
    x = [v for v in rng.row(n // 2) for _ in range(2)]
    suite.accept(
        "cancel/pairs-n1280",
        "P2",
        "1,280 terms that cancel in pairs, in different lanes: the exact sum is 0, the rounded one is not",
        version_1(Head([w], [ZERO])),
        [Predict(Rows([x]))],
    )
