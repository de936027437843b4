// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let ours: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
]

// One line a library: what it is called in code, and which package has it.
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTPTypesHTTP1 = Target.Dependency.product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioExtras = Target.Dependency.product(name: "NIOExtras", package: "swift-nio-extras")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let structuredFields = Target.Dependency.product(
    name: "RawStructuredFieldValues",
    package: "swift-http-structured-headers"
)
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let swiftASN1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")

let package = Package(
    name: "swift-mesh",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "signaling_server", targets: ["signaling_server"]),
        .executable(name: "device", targets: ["device"]),
        .executable(name: "tcp_server", targets: ["tcp_server"]),
        .executable(name: "tcp_client", targets: ["tcp_client"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-structured-headers", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"]), .brew(["libxcrypt"])]),
        .systemLibrary(name: "CQREncode", providers: [.apt(["libqrencode-dev"]), .brew(["qrencode"])]),
        .systemLibrary(name: "CEdit", providers: [.apt(["libedit-dev"]), .brew(["libedit"])]),
        .target(name: "CMemory"),
        .target(
            name: "MeshCore",
            dependencies: [
                collections, crypto, heap, logging, nioCore, nioExtras, nioHTTP1, nioPosix, nioSSL, nioTLS,
                nioWebSocket, protobuf,
                serviceLifecycle, structuredFields, swiftASN1, x509,
            ],
            exclude: ["Protocol/Wire/generate.sh", "Protocol/Wire/mesh.proto"],
            swiftSettings: ours
        ),
        .target(
            name: "MeshProgram",
            dependencies: [
                "CEdit", "CMemory", "MeshCore", argumentParser, configuration, logging, nioCore, serviceLifecycle,
                systemPackage, unixSignals,
            ],
            swiftSettings: ours
        ),
        .target(
            name: "MeshAdmin",
            dependencies: [
                "MeshCore", asyncHTTPClient, crypto, httpTypes, hummingbird, logging, metrics, nioCore, nioHTTP1,
                nioHTTPTypes, serviceLifecycle,
            ],
            swiftSettings: ours
        ),
        .executableTarget(
            name: "signaling_server",
            dependencies: [
                "MeshAdmin", "MeshCore", "MeshProgram", argumentParser, collections, configuration, grdb, httpTypes,
                crypto, hummingbird, hummingbirdCore, hummingbirdTLS, logging, metrics, nioCore, nioHTTP1, nioHTTPTypes,
                nioHTTPTypesHTTP1, nioPosix, nioSSL, serviceLifecycle,
            ],
            path: "Services/signaling_server",
            resources: [
                .embedInCode("Page/index.html"), .embedInCode("Page/page.css"), .embedInCode("Page/page.js"),
                .embedInCode("Page/openapi.json"),
            ],
            swiftSettings: ours
        ),
        .executableTarget(
            name: "device",
            dependencies: [
                "CQREncode", "MeshCore", "MeshProgram", argumentParser, asyncHTTPClient, collections, crypto, grdb,
                logging, nioCore, nioHTTP1,
                nioPosix, protobuf, serviceLifecycle,
            ],
            path: "Services/device",
            swiftSettings: ours
        ),
        .executableTarget(
            name: "tcp_server",
            dependencies: [
                "CCrypt", "MeshAdmin", "MeshCore", "MeshProgram", argumentParser, collections, crypto, grdb, logging,
                metrics, nioCore, nioHTTP1, nioPosix, nioSSL, nioTLS, nioWebSocket, protobuf, serviceLifecycle,
                unixSignals,
            ],
            path: "Services/tcp_server",
            resources: ["index.html", "chat.css", "chat.js", "conversation.js", "link.js", "icon.svg"].map {
                .embedInCode("Web/Page/\($0)")
            },
            swiftSettings: ours
        ),
        .executableTarget(
            name: "tcp_client",
            dependencies: [
                "MeshCore", "MeshProgram", argumentParser, logging, nioCore, nioPosix, nioSSL, nioTLS, protobuf,
            ],
            path: "Services/tcp_client",
            swiftSettings: ours
        ),
        .target(
            name: "TestSupport",
            dependencies: ["MeshCore", nioCore],
            path: "Tests/TestSupport",
            swiftSettings: ours
        ),
        .testTarget(
            name: "MeshCoreTests",
            dependencies: [
                "MeshCore", "TestSupport", crypto, nioCore, nioEmbedded, nioPosix, nioSSL, protobuf, x509,
            ],
            swiftSettings: ours
        ),
        .testTarget(
            name: "MeshProgramTests",
            dependencies: ["MeshCore", "MeshProgram", "TestSupport", argumentParser, nioCore],
            swiftSettings: ours
        ),
        .testTarget(
            name: "MeshAdminTests",
            dependencies: [
                "MeshAdmin", "MeshCore", "TestSupport", asyncHTTPClient, httpTypes, logging, metrics, nioCore, nioHTTP1,
                serviceLifecycle,
            ],
            swiftSettings: ours
        ),
        .testTarget(
            name: "SignalingServerTests",
            dependencies: [
                "MeshAdmin", "MeshCore", "MeshProgram", "TestSupport", "signaling_server", crypto, hummingbird,
                hummingbirdTesting, httpTypes, logging, nioCore, nioEmbedded, nioHTTP1, nioPosix, serviceLifecycle,
            ],
            swiftSettings: ours
        ),
        .testTarget(
            name: "DeviceTests",
            dependencies: [
                "MeshCore", "MeshProgram", "TestSupport", "device", argumentParser, logging, nioCore, nioEmbedded,
                nioPosix, protobuf,
            ],
            swiftSettings: ours
        ),
        .testTarget(
            name: "TcpServerTests",
            dependencies: [
                "MeshCore", "MeshProgram", "TestSupport", "tcp_server", logging, nioCore, nioEmbedded, nioHTTP1,
                nioPosix,
                nioSSL, nioWebSocket, protobuf, serviceLifecycle,
            ],
            swiftSettings: ours
        ),
        .testTarget(
            name: "TcpClientTests",
            dependencies: [
                "MeshCore", "MeshProgram", "TestSupport", "tcp_client", "tcp_server", argumentParser, logging, nioCore,
                nioEmbedded, nioPosix, nioSSL, protobuf, serviceLifecycle,
            ],
            swiftSettings: ours
        ),
        .testTarget(name: "ArchitectureTests", dependencies: ["TestSupport"], swiftSettings: ours),
        .testTarget(
            name: "SystemTests",
            dependencies: ["MeshCore", "TestSupport", nioCore, nioEmbedded, nioPosix, nioSSL, protobuf],
            swiftSettings: ours
        ),
    ]
)
