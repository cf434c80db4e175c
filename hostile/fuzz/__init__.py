"""Coverage-guided fuzzing of the three loaders by libFuzzer: cargo-fuzz, atheris and jazzer.js, with the same targets and seeds.

`load_pair` takes both files, `config_text` a config, `npy_member` one array; the targets of a name read the same bytes in each language,
so a crasher of one is replayed in all. They put CRC-32 and digests right where an input's first byte asks for it.
"""

TARGETS = ("load_pair", "config_text", "npy_member")
