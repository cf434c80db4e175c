"""Lets the prebuilt addon of jazzer.js load where the C library is older than the one it was built with (2.38): `older_libc.py ADDON OUT`.

The addon needs three functions of newer libraries, and nothing else of them. Here the two version references become weak, as the ELF
format allows, and OUT is a library to preload that has the three functions. Where the C library is new enough nothing is changed.
"""

import ctypes
import platform
import struct
import subprocess
import sys
from pathlib import Path

#: The hashes of GLIBC_2.38 and GLIBCXX_3.4.32 in the addon's table of needed versions.
VERSIONS = (0x069691B8, 0x0297F842)
WEAK = 2
NEWER = """
#include <stdlib.h>
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
void _ZSt21ios_base_library_initv(void) {}
"""


def loads(addon: Path) -> bool:
    """Whether the libraries of this machine have the versions; symbols of node itself may be missing here."""
    try:
        ctypes.CDLL(str(addon))
    except OSError as fault:
        return "version `" not in str(fault)
    return True


def weakened(data: bytes) -> bytes:
    """The addon with both references marked weak: struct Elf64_Vernaux is hash, flags, other, name, next."""
    for version in VERSIONS:
        for flags in (0, WEAK):
            if data.count(struct.pack("<IH", version, flags)) == 1:
                data = data.replace(struct.pack("<IH", version, flags), struct.pack("<IH", version, WEAK))
                break
        else:
            raise ValueError("another addon than the one of @jazzer.js/fuzzer 4.0.0: it does not need these versions")
    return data


def main() -> int:
    addon, out = map(Path, sys.argv[1:])
    if platform.machine() != "x86_64" or sys.platform != "linux" or loads(addon):
        return 0
    addon.write_bytes(weakened(addon.read_bytes()))
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", out, "-xc", "-"], input=NEWER.encode(), check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
