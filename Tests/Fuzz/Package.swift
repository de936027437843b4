// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// The same as for the package that is fuzzed, and instrumented, and optimised with its assertions kept: ten times the
// inputs. Dependencies are built as ever: they are most of the build, and what they do with the bytes is seen in what
// ours do next.
let ours: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .unsafeFlags(["-sanitize=fuzzer", "-O", "-assert-config", "Debug"]),
]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")

let package = Package(
    name: "swift-mesh-fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-structured-headers", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    ],
    targets: [
        // A link to Sources/MeshCore/Protocol, so that the fuzzers, in a package of their own, see what has `package`
        // access there. That it builds proves that nothing in that folder needs the transport.
        .target(
            name: "MeshCore",
            dependencies: [
                crypto, nioCore, protobuf,
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "RawStructuredFieldValues", package: "swift-http-structured-headers"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
            ],
            exclude: ["Wire/generate.sh", "Wire/mesh.proto"],
            swiftSettings: ours
        ),
        .systemLibrary(name: "CFuzzer"),
        // Its folders Web and Port hold links to what of the relay's web door and of a device's port is logic alone. The
        // latter are part of MeshCore, and import nothing of it.
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "CFuzzer", "MeshCore", crypto, nioCore, protobuf,
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: ours + [
                .unsafeFlags(["-parse-as-library", "-Xfrontend", "-import-module", "-Xfrontend", "MeshCore"])
            ],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])]
        ),
    ]
)
