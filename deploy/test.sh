#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Everything that must hold, from a fresh clone on: installs what Debian has to provide and isn't there, then checks
# the style, builds, tests, and replays the fuzz corpus. Needs Debian 12 or later and Swift 6.2 or later.
set -Eeuo pipefail
cd "$(dirname "$0")/.."

source deploy/packages.sh

headline=
begun=0

# The time of the step before, and the headline of this one.
step() {
    if [[ -n $headline ]]; then echo "== $headline: $((SECONDS - begun)) s"; fi
    headline=$1
    begun=$SECONDS
    echo
    echo "== $headline"
}

trap 'echo "FAILED at: $headline, after $SECONDS s in all" >&2' ERR

check_shell_scripts() {
    local file line
    while read -r file; do
        read -r line <"$file" || true
        [[ $line == '#!'*sh ]] || continue
        bash -n "$file"
        echo "$file"
    done < <(grep -rlI --exclude-dir=.build '^#!' .ci Services Sources Tests deploy)
}

check_generated_code() {
    local folder
    folder=$(mktemp -d)
    Sources/MeshCore/Protocol/Wire/generate.sh "$folder"
    diff "$folder/mesh.pb.swift" Sources/MeshCore/Protocol/Wire/mesh.pb.swift
    rm -r "$folder"
    echo "mesh.pb.swift is what mesh.proto makes."
}

# Leaves out the line for each test that starts, and says at the end again what failed; fails, too, where no test was
# run.
run_tests() {
    local log=.build/test.log
    if swift test "$@" 2>&1 | tee "$log" | grep -v ' started\.$' &&
        grep -qE 'Test run with [1-9][0-9]* tests .* passed' "$log"; then
        return
    fi
    echo
    echo "What failed:"
    grep '✘' "$log" || echo "No test was run."
    return 1
}

step "Packages"
install_missing "${build_packages[@]}" "${test_packages[@]}"

step "Shell syntax"
check_shell_scripts

step "Style"
swift format lint --strict --recursive --parallel Package.swift Sources Services Tests
echo "As .swift-format says."

step "Build"
# Swift 6.3 takes the option and checks nothing; ManifestTests does.
swift build --build-tests --explicit-target-dependency-import-check error

step "Generated code"
check_generated_code

# One at a time: some start programs, or look at how long things take, and the simulations would take the processor from
# them.
step "Tests"
run_tests --no-parallel

# Others each time; a failure prints its own seed, and what to type to see it again.
step "Simulations"
first=$((RANDOM * 32768 + RANDOM))
echo "1,000 schedules, from MESH_FIRST_SEED=$first on."
MESH_FIRST_SEED=$first run_tests --skip-build --no-parallel --filter 'Simulation|PeerSession|SimultaneousDial'

step "Other people's programs"
EXAMPLES=10 Tests/Interop/run.sh

step "Fuzz corpus"
Tests/Fuzz/run.sh

step "Done"
echo "Everything holds: $SECONDS s in all."
