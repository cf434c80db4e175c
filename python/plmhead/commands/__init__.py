"""The verbs of the command line. Each module holds a few of them: `add` declares their options, `run_…` reads, calls, prints."""

from . import (
    card,
    change,
    compare,
    completion,
    convert,
    doctor,
    evaluate,
    explain,
    export,
    hub,
    predict,
    repair,
    score,
    show,
    testee,
    train,
    verify,
)

MODULES = (
    *(show, verify, evaluate, compare, score, predict, train, convert, card, export, hub, change, repair),
    *(explain, doctor, completion, testee),
)

#: The verbs as `plmhead --help` groups them.
GROUPS = {
    "look at a head": ("inspect", "verify", "evaluate", "compare"),
    "use it": ("score", "predict"),
    "make one": ("train", "convert"),
    "share it": ("card", "sign", "push", "fetch", "export"),
    "mend it": ("repair", "amend", "seal", "upgrade"),
    "get help": ("explain", "doctor", "completion"),
    "for other programs": ("testee",),
}
