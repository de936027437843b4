// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct ManifestTests {
    @Test func `each target declares what it imports`() throws {
        let files = try SourceTree.files()
        let text = try #require(files.first { $0.path == "Package.swift" }).text
        let manifest = Manifest(parsing: text)
        #expect(Set(manifest.targets.map(\.name)).isSuperset(of: ["MeshCore", "device", "ArchitectureTests"]))
        #expect(files.flatMap(manifest.violations) == [])
    }

    @Test func `targets are read with their folders and modules`() {
        #expect(
            Manifest(parsing: Self.text).targets == [
                .init(name: "CThing", folder: "Sources/CThing", modules: []),
                .init(name: "Core", folder: "Sources/Core", modules: ["NIOCore", "RawFields"]),
                .init(name: "server", folder: "Services/server", modules: ["Core", "NIOCore"]),
                .init(name: "CoreTests", folder: "Tests/CoreTests", modules: ["Core"]),
            ]
        )
    }

    @Test(arguments: [
        ("Sources/Core/A.swift", "import NIOCore\nimport NIOPosix", 1),
        ("Services/server/A.swift", "import RawFields\nimport CoreTests\nimport Core", 2),
        ("Tests/CoreTests/A.swift", "@testable import Core\nimport Testing\nimport Foundation", 0),
        ("Sources/CThing/A.swift", "package import NIOCore", 1),
        ("Elsewhere/A.swift", "import NIOPosix", 0),
    ])
    func `an import that is not declared is found`(path: String, text: String, count: Int) {
        let file = SourceFile(path: path, text: text)
        #expect(Manifest(parsing: Self.text).violations(in: file).count == count)
    }

    private static let text = """
        let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
        let fields = Target.Dependency.product(
            name: "RawFields",
            package: "swift-fields"
        )
        let package = Package(
            dependencies: [.package(url: "https://example.org/swift-nio", from: "1.0.0")],
            targets: [
                .systemLibrary(name: "CThing", providers: [.apt(["libthing-dev"])]),
                .target(name: "Core", dependencies: [nioCore, fields], swiftSettings: ours),
                .executableTarget(
                    name: "server",
                    dependencies: [
                        "Core",
                        nioCore,
                    ],
                    path: "Services/server"
                ),
                .testTarget(name: "CoreTests", dependencies: ["Core"]),
            ]
        )
        """
}
