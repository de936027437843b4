// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// The same as for the package that is measured. Nothing here depends on it: the load speaks to the built programs.
let ours: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "swift-mesh-benchmarks",
    dependencies: [.package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")],
    targets: [
        // A link to Sources/CCrypt.
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"]), .brew(["libxcrypt"])]),
        .systemLibrary(name: "CEpoll"),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"]), .brew(["openssl"])]),
        // What every benchmark needs: processes and what they cost, many sockets, figures, tables.
        .target(name: "Bench", dependencies: ["CEpoll"], swiftSettings: ours),
        // What the kernel takes for a broadcast, with as little as possible around it.
        .executableTarget(name: "epoll_broadcaster"),
        .executableTarget(
            name: "relay_bench",
            dependencies: ["Bench", "CCrypt", "COpenSSL", argumentParser],
            swiftSettings: ours
        ),
        .executableTarget(name: "device_bench", dependencies: ["Bench", argumentParser], swiftSettings: ours),
        .executableTarget(
            name: "signaling_bench",
            dependencies: ["Bench", "COpenSSL", argumentParser],
            swiftSettings: ours
        ),
    ]
)
