"""How to score with a head, in each language; the tests run what stands here."""

from __future__ import annotations

import re

from ..head import Head
from .document import Snippet

#: A name that every language and shell takes as it is; any other is left for the reader to fill in.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def snippets(name: str, head: Head) -> tuple[Snippet, ...]:
    """The shell (for a head that names its encoder), Python, Rust and JavaScript."""
    shown = name if _PLAIN.fullmatch(name) else "NAME"
    n = head.n_features_in
    python = f"""import numpy as np
import plmhead

head = plmhead.load("{shown}")
X = np.zeros((1, {n}), dtype=np.float32)  # your embeddings, one row a sequence
print(head.predict_proba(X), head.predict(X))
"""
    rust = f"""fn main() -> Result<(), plmhead::Error> {{
    let head = plmhead::Head::load("{shown}")?;
    let x = [0.0_f32; {n}]; // your embeddings, one row after the other
    println!("{{:?}} {{:?}}", head.predict_proba(&x)?, head.predict(&x)?);
    Ok(())
}}
"""
    javascript = f"""import {{ loadFile }} from 'plmhead/node'

const head = loadFile('{shown}')
const X = new Float32Array({n}) // your embeddings, one row after the other
console.log(head.predictProba(X), head.predict(X))
"""
    shell = f"plmhead predict {shown} --data sequences.csv --out probabilities.csv\n"
    of_sequences = (Snippet("Sequences to probabilities, in the shell", "sh", shell),)
    return (
        *(of_sequences if head.config.get("embedding") else ()),
        Snippet("Python", "python", python),
        Snippet("Rust", "rust", rust),
        Snippet("JavaScript", "js", javascript),
    )
