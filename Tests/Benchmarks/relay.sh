#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the servers that tcp_server is measured beside, builds, and measures. TCP_SERVER, if set, is a program to
# measure in the place of the one that is built.
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$folder/../.." && pwd)
# shellcheck source=../../deploy/packages.sh
source "$top/deploy/packages.sh"

install_missing "${build_packages[@]}" libssl-dev nats-server redis-server mosquitto ngircd >&2

if [[ -z ${TCP_SERVER:-} ]]; then
    TCP_SERVER=$("$top/deploy/release.sh" tcp_server)/tcp_server
fi
bench=(swift build --package-path "$folder" -c release)
"${bench[@]}" >&2
bin=$("${bench[@]}" --show-bin-path)

ulimit -n "$(ulimit -Hn)"
exec "$bin/relay_bench" --relay "$TCP_SERVER" --broadcaster "$bin/epoll_broadcaster" "$@"
