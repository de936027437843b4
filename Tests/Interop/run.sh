#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Holds the signaling server against other people's programs: an implementation of RFC 9421, and schemathesis, which
# makes requests of its own out of openapi.json and checks each answer against it. Both come from PyPI, into a folder of
# their own under .build. Needs Python 3.9 or later, and the programs built (swift build).
#
#   Tests/Interop/run.sh [folder of the built programs]
set -Eeuo pipefail
cd "$(dirname "$0")/../.."

programs=$(realpath "${1:-.build/debug}")
venv=$PWD/.build/interop
work=$(mktemp -d)
server=

finish() {
    if [[ -n $server ]]; then kill "$server" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap finish EXIT

# Starts a server with further options, and sets $address.
start() {
    : >"$work/log"
    "$programs/signaling_server" --port 0 --admin-port 0 --store memory --state-dir "$work/state" "$@" 2>"$work/log" &
    server=$!
    for _ in {1..100}; do
        address=$(sed -n 's/.*address=\([0-9.:]*\).*/\1/p' "$work/log")
        [[ -z $address ]] || return 0
        kill -0 "$server"
        sleep 0.1
    done
    cat "$work/log"
    return 1
}

if ! [[ -x $venv/bin/schemathesis ]]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q -r Tests/Interop/requirements.txt
fi

start --key-rate 1000
echo "== Signatures"
"$venv/bin/python" Tests/Interop/signatures.py "http://$address" "$programs/device"

echo "== openapi.json"
# The streams have no end, so no answer can be waited for.
# It leaves its notes where it runs.
cd "$work"
"$venv/bin/schemathesis" run "http://$address/openapi.json" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --exclude-operation-id watch --exclude-operation-id signals \
    --max-examples "${EXAMPLES:-50}" --seed "${SEED:-1}" --no-color
kill -0 "$server"
echo "The server lives."
