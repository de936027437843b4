// SPDX-License-Identifier: Apache-2.0

/// What a folder, or a kind of file, may import.
enum ImportRules {
    /// The imports of one file that break a rule, each in words.
    static func violations(in file: SourceFile) -> [String] {
        guard file.path.hasSuffix(".swift"), file.isIn("Sources") || file.isIn("Services") else { return [] }
        var imports = file.imports
        // What is generated takes Foundation in the place of FoundationEssentials where there is no such module.
        if file.name.hasSuffix(".pb.swift") { imports.remove("Foundation") }
        let folder = folders.first { file.isIn($0.path) }
        let strangers = folder.map { imports.subtracting($0.allowed) } ?? []
        let displaced = restrictions.filter { !$0.isMet(by: file) }.flatMap { imports.intersection($0.modules) }
        let programs = file.isIn("Services") ? imports.intersection(Self.programs) : []
        let misplaced = Set(strangers).union(displaced).union(programs)
        let joined = Set(imports.compactMap { technologies[$0] })
        return misplaced.sorted().map { "\(file.path) may not import \($0)" }
            + (joined.count > 1 ? ["\(file.path) joins \(joined.sorted().joined(separator: " and "))"] : [])
    }

    private struct Folder {
        let path: String
        let allowed: Set<String>
    }

    private struct Restriction {
        let modules: Set<String>
        let isMet: @Sendable (SourceFile) -> Bool

        func isMet(by file: SourceFile) -> Bool { isMet(file) }
    }

    private static let platform: Set<String> = ["Darwin", "Glibc", "Musl"]

    private static let protocolMay: Set<String> = [
        "Crypto", "DequeModule", "FoundationEssentials", "HeapModule", "NIOCore", "RawStructuredFieldValues",
        "SwiftASN1", "SwiftProtobuf", "X509",
    ]

    private static let transportMay: Set<String> = protocolMay.union(platform).union([
        "Logging", "NIOExtras", "NIOHTTP1", "NIOPosix", "NIOSSL", "NIOTLS", "NIOWebSocket", "ServiceLifecycle",
        "Synchronization",
    ])

    private static let programMay: Set<String> = platform.union([
        "ArgumentParser", "CEdit", "CMemory", "Configuration", "Dispatch", "Foundation", "FoundationEssentials",
        "Logging", "MeshCore", "NIOCore", "ServiceLifecycle", "Synchronization", "SystemPackage", "UnixSignals",
    ])

    private static let adminMay: Set<String> = platform.union([
        "AsyncHTTPClient", "Crypto", "Foundation", "HTTPTypes", "Hummingbird", "Logging", "MeshCore", "Metrics",
        "NIOCore", "NIOHTTP1", "NIOHTTPTypes", "ServiceLifecycle", "Synchronization",
    ])

    /// The first that holds a file counts.
    private static let folders = [
        Folder(path: "Sources/MeshCore/Protocol", allowed: protocolMay),
        Folder(path: "Sources/MeshCore", allowed: transportMay),
        Folder(path: "Sources/MeshProgram", allowed: programMay),
        Folder(path: "Sources/MeshAdmin", allowed: adminMay),
    ]

    private static let programs: Set<String> = ["device", "signaling_server", "tcp_client", "tcp_server"]

    /// What a program does one thing with, and what that is.
    private static let technologies = [
        "AsyncHTTPClient": "an HTTP client", "CCrypt": "password hashes", "CEdit": "a terminal",
        "CQREncode": "QR codes", "GRDB": "SQLite",
        "Hummingbird": "an HTTP server", "HummingbirdCore": "an HTTP server", "HummingbirdTLS": "an HTTP server",
        "HTTPTypes": "an HTTP server",
        "NIOHTTPTypes": "an HTTP server",
    ]

    private static let restrictions = [
        Restriction(modules: ["GRDB"]) { $0.isIn("Services") && $0.name.hasPrefix("SQLite") },
        Restriction(modules: ["CCrypt"]) { $0.isIn("Services") && $0.name == "PasswordHash.swift" },
        Restriction(modules: ["CQREncode"]) { $0.isIn("Services") && $0.name == "QRCode.swift" },
        Restriction(modules: ["CEdit"]) { $0.isIn("Sources/MeshProgram/Terminal") },
        Restriction(modules: ["CMemory"]) { $0.path == "Sources/MeshProgram/MemoryReturn.swift" },
        Restriction(modules: ["AsyncHTTPClient"]) { $0.name.hasSuffix("Client.swift") },
        // The interface, and the one file that puts the server together.
        Restriction(modules: ["Hummingbird", "HummingbirdCore", "HummingbirdTLS", "HTTPTypes", "NIOHTTPTypes"]) {
            $0.isIn("Services/signaling_server/HTTP") || $0.path == "Services/signaling_server/Serve.swift"
                || $0.isIn("Sources/MeshAdmin/HTTP") || $0.path == "Sources/MeshAdmin/AdminServer.swift"
        },
        Restriction(modules: ["Configuration"]) { $0.path == "Sources/MeshProgram/Settings.swift" },
        Restriction(modules: ["ArgumentParser"]) { $0.isIn("Sources/MeshProgram") || $0.readsArguments },
    ]
}

extension SourceFile {
    /// Whether a program's arguments are this file's business: its name says so, or it begins the program, or what it
    /// declares is the value of an argument.
    fileprivate var readsArguments: Bool {
        let names = ["Configuration.swift", "Options.swift", "Command.swift", "Commands.swift"]
        return names.contains { name.hasSuffix($0) }
            || codeLines.contains { $0.contains("@main") || $0.contains("ExpressibleByArgument") }
    }
}
