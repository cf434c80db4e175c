"""One run of the suite against one testee, in a process of its own: `python -m conformance.proof.trial`.

Standard input is a JSON object: command, timeout, stop_after, without, and if wanted first, profile and max_memory (MiB). The ids of
the cases that failed come back as JSON. After stop_after of them it ends, unless that is 0; the cases in `first` are run first, in
that order, those in `without` not at all.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable

from conformance.protocol import Testee, TesteeError
from conformance.run import HERE, run_testee

#: The exit status when the testee never said hello.
NOT_STARTED = 2


def cases(without: Iterable[str], first: Iterable[str] = ()) -> list[dict[str, object]]:
    """Those in `first`; then one case of each area, a second of each, and so on: a bug shows early. Slow ones come last."""
    every = json.loads((HERE / "manifest.json").read_bytes())["cases"]
    left_out = set(without)
    place = {case_id: n for n, case_id in enumerate(first)}
    seen: Counter[str] = Counter()
    turn = {}
    for case in every:
        area = str(case["id"]).partition("/")[0]
        turn[case["id"]] = (place.get(case["id"], len(place)), area in ("limit", "fitted"), seen[area])
        seen[area] += 1
    chosen = [case for case in every if case["id"] not in left_out]
    return sorted(chosen, key=lambda case: turn[case["id"]])


def main() -> int:
    asked = json.load(sys.stdin)
    testee = Testee(asked["command"], asked["timeout"], asked.get("max_memory", 0))
    killers: list[str] = []
    crashes: list[str] = []
    hangs: list[str] = []
    chosen, profile = cases(asked["without"], asked.get("first", ())), asked.get("profile", "strict")
    try:
        for outcome in run_testee(testee, HERE, chosen, profile):
            if outcome.result in ("pass", "skip", "inapplicable"):
                continue
            killers.append(outcome.id)
            if outcome.result != "fail" or outcome.detail.startswith(("crash:", "hang:", "protocol:")):
                crashes.append(outcome.id)
            if outcome.result == "timeout":
                hangs.append(outcome.id)
            if len(killers) == asked["stop_after"]:
                break
    except TesteeError as failure:
        if not killers:  # it never answered: that proves nothing about the cases
            print(failure, file=sys.stderr)
            return NOT_STARTED
    finally:
        testee.kill()
    print(json.dumps({"killers": killers, "crashes": crashes, "hangs": hangs}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
