#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the programs for machines of your own, or one of them if it is named, and prints the folder that has them.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=deploy/packages.sh
source "$top/deploy/packages.sh"

install_missing "${build_packages[@]}" >&2

build=(swift build --package-path "$top" --scratch-path "$top/.build-release" -c release --static-swift-stdlib)
# With Swift's own linker: a program has less to be set right when it is loaded, and no names for others to look up,
# which is 9 MB that are not in memory.
build+=(-Xswiftc -use-ld=lld -Xlinker -z -Xlinker pack-relative-relocs -Xlinker --no-export-dynamic)

"${build[@]}" ${1:+--product "$1"} >&2
"${build[@]}" --show-bin-path
