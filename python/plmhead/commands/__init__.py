"""The verbs of the command line. Each module holds a few of them: `add` declares their options, `run_…` reads, calls, prints."""

from . import (
    bundle,
    card,
    change,
    compare,
    completion,
    convert,
    doctor,
    embed,
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
    *(
        show,
        verify,
        evaluate,
        compare,
        score,
        predict,
        embed,
        train,
        convert,
        card,
        export,
        bundle,
        hub,
        change,
        repair,
    ),
    *(explain, doctor, completion, testee),
)

#: The verbs as `plmhead --help` groups them.
GROUPS = {
    "look at a head": ("inspect", "verify", "evaluate", "compare"),
    "use it": ("score", "predict", "embed"),
    "make one": ("train", "convert"),
    "share it": ("card", "sign", "push", "fetch", "export", "bundle"),
    "mend it": ("repair", "amend", "seal", "upgrade"),
    "get help": ("explain", "doctor", "completion"),
    "for other programs": ("testee",),
}
