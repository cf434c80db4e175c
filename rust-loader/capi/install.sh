#!/bin/sh
# Builds the C libraries and installs them with headers, pkg-config file and CMake package; Linux, needs cargo:
#     sh rust-loader/capi/install.sh PREFIX
set -eu
test $# -eq 1 || { echo "usage: sh install.sh PREFIX" >&2; exit 2; }
test "$(uname -s)" = Linux || { echo "install.sh: this is for Linux; elsewhere build with cargo rustc as below" >&2; exit 2; }
command -v cargo >/dev/null || { echo "install.sh: cargo is missing: install Rust 1.89 or newer" >&2; exit 2; }

crate=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
prefix=$(cd "$1" && pwd)
target=${CARGO_TARGET_DIR:-$crate/target/capi}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$crate/Cargo.toml" | head -n 1)
abi=$(sed -n 's/^#define PLMHEAD_ABI_VERSION \([0-9]*\)$/\1/p' "$crate/include/plmhead.h")

mkdir -p "$target"
log=$target/install.log
CARGO_TARGET_DIR=$target cargo rustc --release --locked --lib --no-default-features --features capi \
  --crate-type cdylib,staticlib --manifest-path "$crate/Cargo.toml" -- \
  --print native-static-libs -C strip=debuginfo -C link-arg=-Wl,-soname,libplmhead.so."$abi" 2>"$log" || { cat "$log" >&2; exit 1; }
# What a program needs beside libplmhead.a, in the compiler's own words.
native=$(sed -n 's/^note: native-static-libs: //p' "$log" | tail -n 1)
test -n "$native" || { echo "install.sh: the compiler did not name the native libraries" >&2; cat "$log" >&2; exit 1; }

filled() { sed -e "s|@VERSION@|$version|g" -e "s|@ABI@|$abi|g" -e "s|@NATIVE@|$native|g" "$crate/capi/$1.in"; }

mkdir -p "$prefix/include" "$prefix/lib/pkgconfig" "$prefix/lib/cmake/plmhead"
cp "$crate/include/plmhead.h" "$crate/include/plmhead.hpp" "$prefix/include/"
cp "$target/release/libplmhead.a" "$prefix/lib/"
# Not written over: a program that has the library open keeps the old file.
rm -f "$prefix/lib/libplmhead.so.$version"
cp "$target/release/libplmhead.so" "$prefix/lib/libplmhead.so.$version"
ln -sf "libplmhead.so.$version" "$prefix/lib/libplmhead.so.$abi"
ln -sf "libplmhead.so.$abi" "$prefix/lib/libplmhead.so"
filled plmhead.pc >"$prefix/lib/pkgconfig/plmhead.pc"
filled plmheadConfig.cmake >"$prefix/lib/cmake/plmhead/plmheadConfig.cmake"
filled plmheadConfigVersion.cmake >"$prefix/lib/cmake/plmhead/plmheadConfigVersion.cmake"
echo "plmhead $version (interface $abi) is installed in $prefix"
