// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct ImportRulesTests {
    @Test func `each file imports what its place allows`() throws {
        let files = try SourceTree.files()
        #expect(files.count { $0.isIn("Sources/MeshCore/Protocol") } > 10, "The sources were not found")
        #expect(files.flatMap(ImportRules.violations) == [])
    }

    @Test(arguments: [
        ("Sources/MeshCore/Protocol/Relay/RoomLog.swift", "package import NIOPosix"),
        ("Sources/MeshCore/Protocol/Relay/RoomLog.swift", "import Foundation"),
        ("Sources/MeshCore/Protocol/Relay/RoomLog.swift", "import struct Logging.Logger"),
        ("Sources/MeshCore/Transport/Sockets/Port.swift", "import Configuration"),
        ("Sources/MeshCore/Transport/Sockets/Port.swift", "@preconcurrency import GRDB"),
        ("Sources/MeshProgram/Settings.swift", "import Hummingbird"),
        ("Sources/MeshProgram/Settings.swift", "import CEdit"),
        ("Sources/MeshAdmin/AdminRoute.swift", "import Hummingbird"),
        ("Sources/MeshAdmin/HTTP/Responder.swift", "import MeshProgram"),
        ("Services/device/Agent.swift", "import tcp_server"),
        ("Services/device/Agent.swift", "@testable import signaling_server"),
        ("Services/device/Agent.swift", "import AsyncHTTPClient"),
        ("Services/device/Configuration.swift", "import Configuration"),
        ("Services/signaling_server/LiveRegistry.swift", "import GRDB"),
        ("Services/signaling_server/LiveRegistry.swift", "import Hummingbird"),
        ("Services/tcp_server/Accounts.swift", "import CCrypt"),
        ("Services/tcp_server/Accounts.swift", "import ArgumentParser"),
        ("Services/tcp_server/SQLiteStore.swift", "import GRDB\nimport HTTPTypes"),
    ])
    func `an import in the wrong place is found`(path: String, text: String) {
        #expect(!ImportRules.violations(in: SourceFile(path: path, text: text)).isEmpty)
    }

    @Test func `an adapter of two technologies is found`() {
        let file = SourceFile(
            path: "Services/signaling_server/HTTP/SQLiteRoute.swift",
            text: "import GRDB\nimport Hummingbird\n"
        )
        #expect(ImportRules.violations(in: file) == ["\(file.path) joins SQLite and an HTTP server"])
    }

    @Test(arguments: [
        ("Sources/MeshCore/Protocol/Relay/RoomLog.swift", "package import NIOCore // not import NIOPosix"),
        ("Sources/MeshCore/Protocol/Relay/RoomLog.swift", "let words = \"\"\"\nimport NIOPosix\n\"\"\""),
        ("Sources/MeshCore/Transport/Sockets/Port.swift", "#if canImport(Glibc)\nimport Glibc\n#endif"),
        ("Services/signaling_server/Store/SQLiteStore.swift", "import GRDB"),
        ("Services/tcp_server/PasswordHash.swift", "import CCrypt"),
        ("Services/tcp_server/TcpServer.swift", "import ArgumentParser\n@main struct TcpServer {}"),
        ("Services/device/Address.swift", "import ArgumentParser\nstruct Address: ExpressibleByArgument {}"),
        ("Tests/SystemTests/Relay.swift", "import Hummingbird"),
    ])
    func `an import in its place is let pass`(path: String, text: String) {
        #expect(ImportRules.violations(in: SourceFile(path: path, text: text)) == [])
    }
}
