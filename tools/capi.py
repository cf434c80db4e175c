"""The C ABI from its build to its answers: `make capi`. Needs cargo, gcc, g++, make, cmake, pkg-config and nm.

Builds and installs the libraries into a prefix, compares what they export with the header, compiles and runs the tests under
AddressSanitizer and UndefinedBehaviourSanitizer, the examples by pkg-config and by CMake, and the testees in C and C++ on the whole
conformance suite, and counts the library's allocations over the suite. The last line is
`capi: C cases, 2 loaders, F failures, sanitizers silent`; exit 0 only where F is 0 and they are.
"""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import plmhead

REPOSITORY = Path(__file__).resolve().parents[1]
CAPI = REPOSITORY / "rust-loader/capi"
HEADER = REPOSITORY / "rust-loader/include/plmhead.h"
SUITE = REPOSITORY / "conformance"
FITTED = SUITE / "cases/fitted"
TESTEES = SUITE / "testees"
BUILD = REPOSITORY / "rust-loader/target/capi-check"
PREFIX, LOGS, OUT = BUILD / "prefix", BUILD / "sanitizers", BUILD / "bin"
SHARED, STATIC = PREFIX / "lib/libplmhead.so", PREFIX / "lib/libplmhead.a"
#: Built by `instrument`, and installed nowhere.
INSTRUMENTED = BUILD / "libplmhead_instrumented.a"
TESTEE_C, TESTEE_CXX = OUT / "testee_c", OUT / "testee_cpp"

TOOLS = {
    "cargo": "Rust 1.89",
    "gcc": "gcc",
    "g++": "g++",
    "make": "make",
    "cmake": "cmake",
    "pkg-config": "pkg-config",
    "nm": "binutils",
}
MANIFEST = ("--manifest-path", REPOSITORY / "rust-loader/Cargo.toml")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
C = ["gcc", "-std=c11", "-Wstrict-prototypes", *WARNINGS]
CXX = ["g++", "-std=c++17", *WARNINGS]
SCORED = ("binary-n320-f32", "binary-n64-text", "five-n32-f32")


class FailedError(Exception):
    """A step that went wrong, in words."""


def run(*command: object, **options: object) -> str:
    """The standard output of a command. Raises FailedError with all it said."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise FailedError(f"{shlex.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def missing_tools() -> list[str]:
    return [f"{name} (install {package})" for name, package in TOOLS.items() if shutil.which(name) is None]


def sanitized() -> dict[str, str]:
    """An environment in which the sanitizers write what they find to LOGS, and look for leaks."""
    log = f"log_path={LOGS / 'report'}"
    return {**os.environ, "ASAN_OPTIONS": f"{log}:detect_leaks=1", "UBSAN_OPTIONS": f"{log}:print_stacktrace=1"}


def declared() -> set[str]:
    """The functions of the header."""
    return set(re.findall(r"^PLMHEAD_API [^(]*?(plmhead_\w+)\(", HEADER.read_text(), re.MULTILINE))


def statuses() -> dict[str, int]:
    """The numbers of the header, by their names without the prefix."""
    text = HEADER.read_text().split("typedef int32_t plmhead_status;")[1].split("};")[0]
    return {name: int(number) for name, number in re.findall(r"PLMHEAD_(\w+) = (-?\d+)", text)}


def install() -> str:
    run("sh", CAPI / "install.sh", PREFIX)
    return "libraries, headers, pkg-config file and CMake package"


def exports() -> str:
    """What the shared library exports is what the header declares; a static one has to hold it."""
    dynamic = run("nm", "-D", "--defined-only", SHARED)
    found = {line.split()[-1] for line in dynamic.splitlines()}
    if found != declared():
        raise FailedError(f"the library and the header differ in {sorted(found ^ declared())}")
    static = run("nm", "-g", "--defined-only", STATIC)
    held = set(re.findall(r" T (plmhead_\w+)$", static, re.MULTILINE))
    if held != declared():
        raise FailedError(f"libplmhead.a and the header differ in {sorted(held ^ declared())}")
    names = status_names()
    wrong = {name: names.get(number) for name, number in statuses().items() if names.get(number) != name}
    if wrong or len(names) != len(statuses()):
        raise FailedError(f"the numbers of the header and of the library differ: {wrong or names}")
    return f"{len(found)} functions, {len(names)} statuses"


def status_names() -> dict[int, str]:
    """Every status that the library has a name for."""

    class Text(ctypes.Structure):
        _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t)]

    name = ctypes.CDLL(str(SHARED)).plmhead_status_name
    name.restype, name.argtypes = Text, [ctypes.c_int32]
    texts = {number: name(number) for number in range(-200, 1000)}
    return {number: ctypes.string_at(text.data, text.size).decode() for number, text in texts.items() if text.data}


def compiled(compiler: list[str], name: str, sources: list[Path], *flags: object, library: Path = SHARED) -> Path:
    """A program from C or C++ that uses the installed shared library, or a static one and what that needs."""
    static = ["--static"] if library != SHARED else []
    words = shlex.split(run("pkg-config", "--cflags", "--libs", *static, "plmhead", env=pkg_config()))
    words = [str(library) if word == "-lplmhead" else word for word in words]
    run(*compiler, *flags, *sources, "-o", OUT / name, *words, f"-Wl,-rpath,{PREFIX / 'lib'}")
    return OUT / name


def pkg_config() -> dict[str, str]:
    return {**os.environ, "PKG_CONFIG_PATH": str(PREFIX / "lib/pkgconfig")}


def instrument() -> str:
    """The static library with AddressSanitizer in the Rust code too, and with the checks of a development build."""
    host = re.search(r"^host: (.*)$", run("rustc", "-vV"), re.MULTILINE)[1]
    flags = "-Zsanitizer=address -Cdebug-assertions -Coverflow-checks"
    # The flag is for nightly compilers; this lets a stable one take it, as the fuzzers do.
    environment = {**os.environ, "RUSTC_BOOTSTRAP": "1", "RUSTFLAGS": flags, "CARGO_TARGET_DIR": str(BUILD / "asan")}
    options = ("--lib", "--no-default-features", "--features", "capi", "--crate-type", "staticlib", "--target", host)
    run("cargo", "rustc", "--quiet", "--release", "--locked", *options, *MANIFEST, env=environment)
    shutil.copy(BUILD / "asan" / host / "release/libplmhead.a", INSTRUMENTED)
    return "the library with AddressSanitizer in the Rust code"


def controls() -> str:
    """Sanitizers that say nothing must be ones that would have spoken."""
    for name, due, library in (("leak", "LeakSanitizer", SHARED), ("overrun", "heap-buffer-overflow", INSTRUMENTED)):
        program = compiled(C, name, [CAPI / f"tests/{name}.c"], *SANITIZERS, library=library)
        done = subprocess.run([program, SUITE / "cases"], env=sanitized(), capture_output=True, check=False)
        reports = list(LOGS.iterdir())
        if done.returncode == 0 or not any(due in report.read_text() for report in reports):
            raise FailedError(f"the sanitizer does not see what {name}.c does")
        for report in reports:
            report.unlink()
    return "a head that is never freed and a read beyond X are seen"


def tests() -> str:
    """The promises of both headers, against every library."""
    folder = CAPI / "tests"
    for library in (SHARED, STATIC, INSTRUMENTED):
        c = [folder / "test.c", folder / "elsewhere.c"]
        cxx = [folder / "test.cpp", folder / "elsewhere.cpp"]
        programs = (
            compiled(C, "test_c", c, *SANITIZERS, "-pthread", "-lm", library=library),
            compiled(CXX, "test_cpp", cxx, *SANITIZERS, library=library),
        )
        for program in programs:
            run(program, SUITE / "cases", env=sanitized())
    silent()
    return "C11 and C++17, with the shared, the static and the instrumented library"


def silent() -> None:
    reports = sorted(LOGS.iterdir())
    if reports:
        raise FailedError(f"a sanitizer reported:\n{reports[0].read_text()[:4000]}")


def pages() -> str:
    """The code of the page and of the two headers compiles; `embedding` is the reader's."""
    page, header, cxx_header = (
        (CAPI / "README.md").read_text(),
        HEADER.read_text(),
        HEADER.with_suffix(".hpp").read_text(),
    )
    c = [*re.findall(r"```c\n(.*?)```", page, re.DOTALL), quoted(header, " *     ")]
    cxx = [*re.findall(r"```cpp\n(.*?)```", page, re.DOTALL), quoted(cxx_header, "//     ")]
    for number, code in enumerate(c):
        source = OUT / f"fragment{number}.c"
        source.write_text(
            f"#include <stdio.h>\n#include <plmhead.h>\nint f(const float *embedding) {{\n{code}\nreturn 0;\n}}\n"
        )
        run("gcc", "-std=c11", "-Wall", "-Werror", f"-I{PREFIX / 'include'}", "-c", source, "-o", OUT / "fragment.o")
    for number, code in enumerate(cxx):
        source = OUT / f"fragment{number}.cpp"
        wanted = "#include <iostream>\n#include <plmhead.hpp>\nvoid f(const std::vector<float> &"
        named = "embeddings, std::size_t rows" if "rows" in code else "embedding"
        source.write_text(f"{wanted}{named}) {{\n{code}\n}}\n")
        flags = ("-std=c++17", "-Wall", "-Wno-unused-but-set-variable", "-Werror", f"-I{PREFIX / 'include'}")
        run("g++", *flags, "-c", source, "-o", OUT / "fragment.o")
    return f"{len(c)} fragments of C and {len(cxx)} of C++ compile"


def quoted(header: str, prefix: str) -> str:
    """The lines of code in the comment at the top of a header."""
    lines = [line.removeprefix(prefix) for line in header.splitlines() if line.startswith(prefix)]
    if not lines:
        raise FailedError("a header shows no code")
    return "\n".join(lines)


def examples() -> str:
    """Compiled by pkg-config and by CMake; their lines are the answers of the loader in Python."""
    folder = CAPI / "examples"
    built = {
        "pkg-config": {
            "score": compiled(C, "score", [folder / "score.c"], "-O2"),
            "inspect": compiled(C, "inspect", [folder / "inspect.c"], "-O2", library=STATIC),
            "threads": compiled(CXX, "threads", [folder / "threads.cpp"], "-O2", "-pthread"),
        },
        "CMake": by_cmake(folder),
    }
    for programs in built.values():
        for name in SCORED:
            check_example(programs, FITTED / name / "model")
        refused = subprocess.run([programs["inspect"], SUITE / "cases/base/v0/model"], capture_output=True, check=False)
        if refused.returncode != 1 or b"NOT_VERIFIED (/format)" not in refused.stderr:
            raise FailedError(f"inspect of version 0 gave {refused}")
    return f"{' and '.join(built)}, {len(SCORED)} heads"


def by_cmake(folder: Path) -> dict[str, Path]:
    build = BUILD / "cmake"
    run("cmake", "-S", folder, "-B", build, f"-DCMAKE_PREFIX_PATH={PREFIX}", "-DCMAKE_BUILD_TYPE=Release")
    run("cmake", "--build", build)
    return {name: build / name for name in ("score", "inspect", "threads")}


def check_example(programs: dict[str, Path], artifact: Path) -> None:
    head = plmhead.load(artifact)
    x = np.random.default_rng(6).normal(size=(1000, head.n_features_in)).astype("<f4")
    rows = OUT / "x.bin"
    rows.write_bytes(x.tobytes())
    due = [f"{label} {max(p):.17g}" for label, p in zip(head.predict(x), head.predict_proba(x), strict=True)]
    for name in ("score", "threads"):
        if run(programs[name], artifact, rows).splitlines() != due:
            raise FailedError(f"{programs[name]} scores {artifact} otherwise than the loader in Python")
    if not run(programs["inspect"], artifact).startswith(f"model {head.npz_sha256}\n"):
        raise FailedError(f"{programs['inspect']} names another model than {artifact}")


def fast_math() -> str:
    """The scorer that stands alone: its self-test accepts the right arithmetic and rejects the other."""
    sources = [CAPI / "examples/fast_math.c", TESTEES / "c/sha256.c"]
    artifact, found = FITTED / SCORED[0] / "model", []
    for name, flag, due in (("strict_math", "-ffp-contract=off", "accepted"), ("fast_math", "-ffast-math", "rejected")):
        program = OUT / name
        run("gcc", "-std=c11", *WARNINGS[:3], "-Werror", "-O2", flag, f"-I{TESTEES / 'c'}", *sources, "-o", program)
        said = subprocess.run([program, artifact], capture_output=True, text=True, check=False).stdout.strip()
        if said != f"self-test: {due}":
            raise FailedError(f"the scorer built with {flag} printed {said!r}")
        found.append(f"{flag} {said}")
    return ", ".join((*found, flush_to_zero(artifact)))


def flush_to_zero(artifact: Path) -> str:
    """A whole program with -ffast-math starts with subnormals flushed to zero, which the library finds when it loads."""
    program = compiled(C, "flush_to_zero", [CAPI / "examples/inspect.c"], "-O2", "-ffast-math")
    done = subprocess.run([program, artifact], capture_output=True, text=True, check=False)
    if "ENVIRONMENT (npz)" not in done.stderr:
        raise FailedError(f"a program that flushes subnormals to zero was not refused: {done}")
    return "the library in such a program ENVIRONMENT"


def requests() -> str:
    """Builds the testees, and sends them the malformed requests that the other testees are sent."""
    objects = []
    for source in (TESTEES / "c/request.c", TESTEES / "c/sha256.c"):
        objects.append(OUT / f"{source.stem}.o")
        run(*C, *SANITIZERS, "-c", source, "-o", objects[-1])
    compiled(C, TESTEE_C.name, [TESTEES / "c/testee.c", *objects], *SANITIZERS, library=INSTRUMENTED)
    compiled(CXX, TESTEE_CXX.name, [TESTEES / "cpp/testee.cpp", *objects], *SANITIZERS, library=INSTRUMENTED)
    test = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "conformance/tests/test_requests.py", "-k", "more")
    more = {**sanitized(), "MORE_TESTEES": f"{TESTEE_C}{os.pathsep}{TESTEE_CXX}"}
    said = run(sys.executable, *test, cwd=REPOSITORY, env=more)
    silent()
    return said.splitlines()[-1]


def conformance() -> str:
    """The last line of the runner."""
    command = [sys.executable, "-m", "conformance.run", "--timeout", "120"]
    for testee in (TESTEE_C, TESTEE_CXX):
        command += ["--testee", str(testee)]
    done = subprocess.run(command, cwd=REPOSITORY, env=sanitized(), stdout=subprocess.PIPE, text=True, check=False)
    silent()
    if done.returncode:
        raise FailedError(f"the conformance suite:\n{done.stdout[-4000:]}")
    return done.stdout.splitlines()[-1].removeprefix("conformance: ")


def unit_tests() -> str:
    """Those of the Rust files behind the border, which need the feature."""
    options = ("--quiet", "--release", "--locked", "--lib", "--features", "capi")
    said = run(
        "cargo", "test", *options, *MANIFEST, "capi::", env={**os.environ, "CARGO_TARGET_DIR": str(BUILD / "unit")}
    )
    passed = re.search(r"test result: ok\. ([1-9]\d*) passed", said)
    if passed is None:
        raise FailedError(f"no unit test ran:\n{said}")
    return f"{passed[1]} passed"


def in_process() -> str:
    """The suite by ctypes, on a library that counts its allocations."""
    target = BUILD / "counting"
    features = ("--lib", "--no-default-features", "--features", "capi-test", "--crate-type", "cdylib")
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    run("cargo", "rustc", "--quiet", "--release", "--locked", *features, *MANIFEST, env=environment)
    library = target / "release/libplmhead.so"
    quiet = {**os.environ, "RUST_BACKTRACE": "0"}
    said = run(sys.executable, "-m", "conformance.in_process", library, cwd=REPOSITORY, env=quiet)
    return said.splitlines()[-1].removeprefix("in-process: ")


#: In this order; `conformance` gives the counts of the last line.
STEPS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("install", install),
    ("exports", exports),
    ("unit tests", unit_tests),
    ("instrument", instrument),
    ("controls", controls),
    ("tests", tests),
    ("pages", pages),
    ("examples", examples),
    ("fast-math", fast_math),
    ("in process", in_process),
    ("malformed requests", requests),
    ("testees", conformance),
)


def main() -> int:
    missing = missing_tools()
    if missing:
        print(f"capi: cannot run: missing {', '.join(missing)}")
        return 2
    shutil.rmtree(LOGS, ignore_errors=True)
    for folder in (LOGS, OUT):
        folder.mkdir(parents=True, exist_ok=True)
    said = ""
    for name, step in STEPS:
        try:
            said = step()
        except FailedError as failure:
            print(f"{name}: {failure}")
            print(f"capi: failed at {name}")
            return 1
        print(f"{name}: {said}", flush=True)
    print(f"capi: {said}, sanitizers silent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
