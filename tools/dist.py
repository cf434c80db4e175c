"""Builds the three packages, looks into them, installs each into an empty environment and runs README's lines there.

python -m tools.dist [FOLDER]: the packages are left in FOLDER (dist). Exit code 0 only when nothing failed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tools import dist_contents, dist_install
from tools.pages import LEADS, REPOSITORY

#: A second build of Rust's dependencies would take longest of all.
TARGET = REPOSITORY / "rust-loader" / "target" / "dist"


class Tally:
    """Steps done and steps failed, told as they come."""

    def __init__(self) -> None:
        self.failed = 0

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What is raised inside is one failure; the steps after it go on."""
        begun = time.monotonic()
        try:
            yield
        except Exception as error:  # whatever it is, it is a failure
            self.failed += 1
            print(f"dist: FAILED {name}: {error}", flush=True)
        else:
            print(f"dist: {name}, {time.monotonic() - begun:.0f} s", flush=True)


def shell(*command: str | Path, folder: Path, **environment: str) -> str:
    """Standard output; ValueError with everything that was said where it fails."""
    inherited = {name: value for name, value in os.environ.items() if name not in LEADS}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env={**inherited, **environment})
    if done.returncode:
        raise ValueError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def tracked_files() -> list[str]:
    done = shell("git", "ls-files", "-z", folder=REPOSITORY)
    return [name for name in done.split("\0") if name and (REPOSITORY / name).is_file()]


def copy_tracked(tracked: list[str], source: Path) -> None:
    """What a fresh clone would have, as it lies here now."""
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, source / name)


def build_python(source: Path, out: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel of it. The wheel of the source must be the same file."""
    build = (sys.executable, "-m", "build", "--no-isolation")
    shell(*build, "--outdir", out, source, folder=source)
    (wheel,), (sdist,) = out.glob("plmhead-*.whl"), out.glob("plmhead-*.tar.gz")
    shell(*build, "--wheel", "--outdir", source / "again", source, folder=source)
    if (source / "again" / wheel.name).read_bytes() != wheel.read_bytes():
        raise ValueError("the wheel built from the sdist is not the wheel built from the source")
    return wheel, sdist


def build_crate(source: Path, out: Path, *options: str, target: Path = TARGET) -> Path:
    """The .crate, which cargo has built from what it packed, unless the options say otherwise."""
    folder = source / "rust-loader"
    shutil.rmtree(target / "package", ignore_errors=True)
    shell("cargo", "package", "--quiet", "--locked", "--target-dir", target, *options, folder=folder)
    (packed,) = (target / "package").glob("plmhead-*.crate")
    return Path(shutil.copy(packed, out))


def build_npm(source: Path, out: Path) -> Path:
    """The tarball; types are emitted as it is packed."""
    folder = source / "js-loader"
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(REPOSITORY / "js-loader" / "node_modules")
    shell("npm", "pack", "--silent", "--pack-destination", out, folder=folder)
    (tarball,) = out.glob("plmhead-*.tgz")
    return tarball


def look_into(package: Path, expected: set[str], source: Path) -> None:
    """ValueError with every fault of a package's contents."""
    machine = {f"{place}/" for place in (REPOSITORY, source, Path.home())} | {str(REPOSITORY)}
    wrong = dist_contents.faults(dist_contents.members(package), expected, machine)
    if wrong:
        raise ValueError(f"{package.name}: {'; '.join(wrong)}")


def build_all(source: Path, out: Path, tracked: list[str], tally: Tally) -> dict[str, Path]:
    """The packages that were built and hold what they should."""
    version = dist_contents.versions(source)["python/plmhead/__init__.py"]
    built: dict[str, Path] = {}
    with tally.step("Python: wheel and sdist"):
        wheel, sdist = build_python(source, out)
        look_into(wheel, dist_contents.wheel(tracked, version), source)
        look_into(sdist, dist_contents.sdist(tracked, version), source)
        built["python"] = wheel
    with tally.step("Rust: crate"):
        crate = build_crate(source, out)
        look_into(crate, dist_contents.crate(tracked, version), source)
        built["rust"] = crate
    with tally.step("JavaScript: npm tarball"):
        tarball = build_npm(source, out)
        look_into(tarball, dist_contents.npm(tracked, version), source)
        built["javascript"] = tarball
    return built


def main(out: Path) -> int:
    tally = Tally()
    environments = 0
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="plmhead-dist-") as name:
        work, tracked = Path(name).resolve(), tracked_files()
        copy_tracked(tracked, work / "source")
        with tally.step("versions agree and CHANGELOG.md has an entry"):
            if wrong := dist_contents.version_faults(work / "source"):
                raise ValueError("; ".join(wrong))
        built = build_all(work / "source", out, tracked, tally)
        exercises: dict[str, Callable[[Path, Path], str]] = {
            "python": dist_install.python,
            "rust": dist_install.rust,
            "javascript": dist_install.javascript,
        }
        for language, exercise in exercises.items():
            with tally.step(f"{language}: README's lines in an empty environment"):
                if language not in built:
                    raise ValueError("there is no package to install")
                print(exercise(built[language], work), flush=True)
                environments += 1
        with tally.step("python: README's lines at both ends of the versions"):
            print(dist_install.python_ends(built["python"], work), flush=True)
        with tally.step("javascript: README's lines at both ends of the versions"):
            print(dist_install.javascript_ends(work), flush=True)
    print(f"dist: {len(built)} packages, {environments} empty environments, {tally.failed} failures")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "dist"))
