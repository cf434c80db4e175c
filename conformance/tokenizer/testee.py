"""The Python tokenizer as a testee: a request a line in, an answer a line out (see `run.py`)."""

from __future__ import annotations

import json
import sys
from typing import Any

from plmhead.sequences import SequenceError, normalise, tokenize


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The tokens of `sequences`, or the error of the first bad one."""
    try:
        texts = [normalise(text, f"/{row}", request["too_long"]) for row, text in enumerate(request["sequences"])]
    except SequenceError as fault:
        return {"error": {"code": fault.code, "where": fault.where, "position": fault.position}}
    input_ids, attention_mask = tokenize(texts)
    return {"input_ids": input_ids.tolist(), "attention_mask": attention_mask.tolist()}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
