#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes mesh.pb.swift from mesh.proto, with Debian's protobuf-compiler and libprotobuf-dev, and the plugin of the
# swift-protobuf that the package resolves. Another folder to write to may be given.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
top=$(cd "$here/../../../.." && pwd)
command -v protoc >/dev/null || { echo "generate.sh needs protoc: apt-get install protobuf-compiler libprotobuf-dev" >&2; exit 69; }
swift build --package-path "$top" --product protoc-gen-swift
protoc --plugin="$top/.build/debug/protoc-gen-swift" --proto_path="$here" \
    --swift_opt=Visibility=Package --swift_opt=UseAccessLevelOnImports=true --swift_out="$out" mesh.proto
sed -i '1i // SPDX-License-Identifier: Apache-2.0' "$out/mesh.pb.swift"
