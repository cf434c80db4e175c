"""Embeddings of many sequences: a file in, a file out, in shards that a kill does not lose (docs/embed.md).

`records` reads, `state` keeps the shards of an unfinished run, `cache` the vectors of earlier runs, `output` writes, `run` joins them.
"""

from __future__ import annotations

from .run import Progress, Settings, Summary, embed_file

__all__ = ["Progress", "Settings", "Summary", "embed_file"]
