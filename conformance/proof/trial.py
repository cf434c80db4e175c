"""One run of the suite against one testee, in a process of its own: `python -m conformance.proof.trial`.

Standard input is a JSON object: command, timeout, stop_after, without. The ids of the cases that failed come back as JSON.
After stop_after of them it ends, unless that is 0; the cases in `without` are not run.
"""

import json
import sys
from collections.abc import Iterable

from conformance.protocol import Testee, TesteeError
from conformance.run import HERE, run_testee


def cases(without: Iterable[str]) -> list[dict[str, object]]:
    """The cases, those that are slow to prepare last."""
    every = json.loads((HERE / "manifest.json").read_bytes())["cases"]
    left_out = set(without)
    chosen = [case for case in every if case["id"] not in left_out]
    return sorted(chosen, key=lambda case: str(case["id"]).startswith(("limit/", "fitted/")))


def main() -> int:
    asked = json.load(sys.stdin)
    testee = Testee(asked["command"], asked["timeout"])
    killers: list[str] = []
    crashes: list[str] = []
    try:
        for outcome in run_testee(testee, HERE, cases(asked["without"])):
            if outcome.result in ("pass", "skip"):
                continue
            killers.append(outcome.id)
            if outcome.result != "fail" or outcome.detail.startswith(("crash:", "hang:", "protocol:")):
                crashes.append(outcome.id)
            if len(killers) == asked["stop_after"]:
                break
    except TesteeError as failure:
        if not killers:  # it never answered: that proves nothing about the cases
            print(failure, file=sys.stderr)
            return 1
    finally:
        testee.kill()
    print(json.dumps({"killers": killers, "crashes": crashes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
