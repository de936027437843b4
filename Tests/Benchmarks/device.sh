#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds, and measures devices on this machine. DEVICE, if set, is a program to measure in the place of the one that is
# built.
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$folder/../.." && pwd)
# shellcheck source=../../deploy/packages.sh
source "$top/deploy/packages.sh"

install_missing "${build_packages[@]}" libssl-dev openssl >&2

if [[ -z ${DEVICE:-} ]]; then
    DEVICE=$("$top/deploy/release.sh" device)/device
fi
bench=(swift build --package-path "$folder" -c release --product device_bench)
"${bench[@]}" >&2
bin=$("${bench[@]}" --show-bin-path)

ulimit -n "$(ulimit -Hn)"
exec "$bin/device_bench" --device "$DEVICE" "$@"
