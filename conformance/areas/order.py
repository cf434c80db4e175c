"""Two faults, of which the specification names the first (R3)."""

from ..pair import Pair
from ..suite import Suite
from . import order_config, order_npz
from .order_edits import TwoFaults


def order(suite: Suite) -> None:
    """Each case holds two faults; its mutation says both."""
    for case in (*order_config.CASES, *order_npz.CASES):
        _reject(suite, case)


def _reject(suite: Suite, case: TwoFaults) -> None:
    def mutate(pair: Pair) -> None:
        for edit in case.edits:
            edit(pair)

    why = f"two faults: {case.why}"
    suite.reject(
        f"order/{case.slug}", case.clause, case.code, case.where, why, case.base, "two faults, see why", mutate
    )
