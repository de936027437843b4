#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures release builds beside the best known of their kind, on this machine:
#
#   run.sh relay        tcp_server beside NATS, Redis, Mosquitto and ngIRCd
#   run.sh device       devices: how soon they meet, what they carry, what they take
#   run.sh signaling    signaling_server, its lists beside nginx
#
# `run.sh PART --help` tells the options; --short takes a few minutes, with signaling and its churn 35.
set -euo pipefail
folder=$(cd "$(dirname "$0")" && pwd)

part=${1:-}
if [[ -z $part || ! -f $folder/$part.sh || $part == run ]]; then
    echo "usage: run.sh PART [option ...]; PART is one of: $(cd "$folder" && ls ./*.sh | grep -v run.sh | sed 's|./\(.*\)\.sh|\1|' | paste -sd ' ')" >&2
    exit 64
fi
exec "$folder/$part.sh" "${@:2}"
