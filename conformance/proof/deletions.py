"""Takes out each check of each loader, one at a time: `python -m conformance.proof.deletions`. A case must find each.

Where a loader refuses something is found in its source (sites.py); what no pair of files can reach is listed in deletions.toml.
"""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .catalogue import LANGUAGES, ProofError
from .mutants import Workshop
from .sites import Site, excluded, sites


def killer(workshop: Workshop, number: int, site: Site) -> str | None:
    """A case that fails without the check, or None."""
    verdict = workshop.trial(site.language, f"site-{number}", {site.file: site.mutant}, stop_after=1)
    return next(iter(verdict.killers), None)


def run(options: argparse.Namespace) -> tuple[int, int, int]:
    """(sites, killed, mutants that are none: they do not build or do not start)."""
    killed = broken = 0
    with (
        tempfile.TemporaryDirectory(prefix="conformance-deletions-") as folder,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        workshop = Workshop(Path(folder))
        found = [site for name in options.language or LANGUAGES for site in sites(name, workshop.original[name])]
        found = [site for site in found if not options.only or f"{site.file}:{site.line}" in options.only]

        def one(numbered: tuple[int, Site]) -> tuple[str, str | None]:
            try:
                case = killer(workshop, *numbered)
            except ProofError as fault:
                return "BROKEN", str(fault)
            return ("ok" if case else "SURVIVES"), case

        for site, (mark, case) in zip(found, pool.map(one, enumerate(found)), strict=True):
            killed += mark == "ok"
            broken += mark == "BROKEN"
            place = f"{site.file}:{site.line}"
            print(f"{mark:8} {site.language:10} {place:18} {site.text[:70]:70}  {case or ''}", flush=True)
    return len(found), killed, broken


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="conformance.proof.deletions", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--language", action="append", choices=LANGUAGES, help="only this one; may be given several times"
    )
    parser.add_argument(
        "--only", action="append", metavar="FILE:LINE", help="only this site; may be given several times"
    )
    parser.add_argument("--check", action="store_true", help="only look whether every site of deletions.toml is there")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="mutants at a time (default 2)")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        if options.check:
            original = Workshop(Path()).original
            count = sum(len(sites(name, original[name])) for name in LANGUAGES)
            print(f"conformance-deletions: {count} sites, {len(excluded())} exclusions")
            return 0
        count, killed, broken = run(options)
    except ProofError as fault:
        print(f"conformance-deletions: broken: {fault}")
        return 2
    print(f"{len(excluded())} exclusions; {broken} mutants do not build or start; {time.monotonic() - began:.0f} s")
    print(f"conformance-deletions: sites {count}, killed {killed}")
    return 2 if broken else 0 if killed == count else 1


if __name__ == "__main__":
    sys.exit(main())
