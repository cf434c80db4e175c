"""The verbs of the command line. Each module holds a group of them: `add` declares their options, `run_…` reads, calls, prints."""

from . import change, convert, predict, repair, score, show, testee, train, verify

#: In the order of `plmhead --help`.
GROUPS = (show, verify, score, train, predict, change, convert, repair, testee)
