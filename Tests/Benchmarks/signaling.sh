#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs nginx and wrk, builds, and measures. SIGNALING_SERVER, if set, is a program to measure in the place of the one
# that is built.
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$folder/../.." && pwd)
# shellcheck source=../../deploy/packages.sh
source "$top/deploy/packages.sh"

install_missing "${build_packages[@]}" libssl-dev nginx-light wrk >&2

if [[ -z ${SIGNALING_SERVER:-} ]]; then
    SIGNALING_SERVER=$("$top/deploy/release.sh" signaling_server)/signaling_server
fi
bench=(swift build --package-path "$folder" -c release --product signaling_bench)
"${bench[@]}" >&2
bin=$("${bench[@]}" --show-bin-path)

ulimit -n "$(ulimit -Hn)"
exec "$bin/signaling_bench" --server "$SIGNALING_SERVER" "$@"
