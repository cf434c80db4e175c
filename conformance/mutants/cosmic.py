"""Run by cosmic-ray's own interpreter: the mutants that it makes of one file, one JSON object a line: operator, source (mutated)."""

import json
import sys
import tempfile
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db


def main(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    with (
        tempfile.TemporaryDirectory() as folder,
        use_db(str(Path(folder) / "session.sqlite"), WorkDB.Mode.create) as work,
    ):
        init([path], work, {})
        for item in work.work_items:
            for mutation in item.mutations:
                operator = get_operator(mutation.operator_name)(**mutation.operator_args)
                source = mutate_code(text, operator, mutation.occurrence)
                print(json.dumps({"operator": mutation.operator_name, "source": source}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
