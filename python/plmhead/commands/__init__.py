"""The verbs of the command line. Each module holds a group of them: `add` declares their options, `run_…` reads, calls, prints."""

from . import card, change, compare, convert, evaluate, export, hub, predict, repair, score, show, testee, train, verify

#: In the order of `plmhead --help`.
GROUPS = (show, verify, score, train, predict, evaluate, compare, card, change, convert, export, hub, repair, testee)
