#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Gives each input of the corpus to its target, or looks for new ones:
#
#   run.sh                             the corpus, in seconds once it is built
#   run.sh --fuzz 60                   each target for 60 seconds
#   run.sh --fuzz 600 frames lines     these targets, for ten minutes each
#
# An input that breaks its target is left in .build/finds, and shown with
# `.build/debug/Fuzz --target=<target> <file>`. It goes into the corpus together with the fix.
set -euo pipefail
cd "$(dirname "$0")"

seconds=0
if [[ ${1:-} == --fuzz ]]; then
    seconds=${2:?"--fuzz needs a number of seconds for each target"}
    shift 2
fi
targets=("$@")
if ((${#targets[@]} == 0)); then
    mapfile -t targets < <(ls Corpus)
fi

swift build --quiet --product Fuzz --disable-index-store
mkdir -p .build/finds
log=.build/finds/log
# Swift's own report of a trap would take the process away from libFuzzer, which then saves nothing.
export SWIFT_BACKTRACE=enable=no

failed=()
for target in "${targets[@]}"; do
    find=.build/finds/$target-
    if ((seconds > 0)); then
        mkdir -p ".build/found/$target"
        options=("-max_total_time=$seconds" -timeout=10 ".build/found/$target")
    else
        options=(-runs=0)
    fi
    if .build/debug/Fuzz "--target=$target" "-artifact_prefix=$find" "${options[@]}" "Corpus/$target" >"$log" 2>&1; then
        grep -a 'DONE ' "$log" | sed "s/^#\([0-9]*\)\tDONE */$target: \1 inputs, /"
    else
        cat "$log"
        failed+=("$target")
    fi
done
if ((${#failed[@]} > 0)); then
    echo "Fuzzing failed for: ${failed[*]}" >&2
    exit 1
fi
