"""The main job, once: sequences in, a head out, scored by three processes of three languages, compared by bits.

python tools/demo.py [--data FILE.csv] [--out FOLDER] [--selfcheck]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from compare_scores import compare

REPOSITORY = Path(__file__).resolve().parents[1]
LOADERS = {
    "python": [sys.executable, "-m", "plmhead"],
    "rust": [str(REPOSITORY / "rust-loader/target/release/plmhead")],
    "javascript": ["node", str(REPOSITORY / "js-loader/src/cli.js")],
}


def score_files(out: Path) -> dict[str, Path]:
    return {language: out / f"scores.{language}.jsonl" for language in LOADERS}


def demo(data: Path, out: Path) -> int:
    """Trains, saves, scores and compares; leaves X.npy, the pair and the three score files in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    python = LOADERS["python"]
    train = ["train", "--data", data, "--out", out / "head", "--embeddings-out", out / "X.npy", "--standardize"]
    for path in score_files(out).values():
        path.unlink(missing_ok=True)  # a run that fails must not leave the scores of an earlier one
    refused = subprocess.run([*python, *map(str, train)]).returncode
    if refused:
        return refused  # train has said why, in one line
    for language, path in score_files(out).items():
        print(f"scoring in {language}: {path.name}", flush=True)
        subprocess.run(
            [*LOADERS[language], "score", str(out / "head"), str(out / "X.npy"), "--out", str(path)], check=True
        )
    result = compare(list(score_files(out).values()))
    print(f"demo: {result.rows} sequences, {len(LOADERS)} languages, {result.differ} of {result.values} values differ")
    return 1 if result.differ else 0


def flip_one_bit(text: str) -> str:
    """The text with the lowest bit of the first decision's bits flipped."""
    mark = '"decision_bits":"'
    at = text.index(mark) + len(mark) + 15
    return f"{text[:at]}{int(text[at], 16) ^ 1:x}{text[at + 1 :]}"


def selfcheck(out: Path) -> int:
    """Flips one bit in each score file in turn; the comparer must see exactly one difference each time, and none without."""
    files = score_files(out)
    found = {"no": compare(list(files.values())).differ}
    for language, path in files.items():
        changed = path.with_suffix(".flipped")
        changed.write_text(flip_one_bit(path.read_text(encoding="utf-8")), encoding="utf-8")
        found[language] = compare([changed if other == path else other for other in files.values()]).differ
        changed.unlink()
    for language, differ in found.items():
        print(f"demo-selfcheck: {language} file changed, {differ} values differ")
    expected = {"no": 0, **dict.fromkeys(files, 1)}
    print(f"demo-selfcheck: {'ok, exactly 1 difference for 1 flipped bit' if found == expected else 'FAILED'}")
    return 0 if found == expected else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY / "examples/demo_sequences.csv")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "demo-out")
    parser.add_argument("--selfcheck", action="store_true", help="check the comparer on the files of an earlier run")
    options = parser.parse_args()
    return selfcheck(options.out) if options.selfcheck else demo(options.data, options.out)


if __name__ == "__main__":
    sys.exit(main())
