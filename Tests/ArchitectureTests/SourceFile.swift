// SPDX-License-Identifier: Apache-2.0

/// A text file of the package: where it is, from the package's root, and what it says.
struct SourceFile: Sendable {
    let path: String
    let text: String
    /// Swift without its comments and strings, line by line; nothing for other text.
    let codeLines: [Substring]

    init(path: String, text: String) {
        (self.path, self.text) = (path, text)
        let code = path.hasSuffix(".swift") ? CodeScanner.code(of: text) : ""
        codeLines = code.split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The file's own name.
    var name: Substring { path.split(separator: "/").last ?? "" }

    var folders: [Substring] { path.split(separator: "/").dropLast() }

    /// Whether protoc wrote it.
    var isGenerated: Bool { path.hasSuffix(".pb.swift") }

    /// The modules that a Swift file imports.
    var imports: Set<String> {
        // `@testable package import struct Module.Type`, most of it left out in most files.
        let importLine =
            /^\s*(?:@\S+\s+)*(?:[a-z]+\s+)?import\s+(?:(?:struct|class|enum|protocol|func|let|var|typealias)\s+)?(\w+)/
        let lines = codeLines.filter { $0.contains("import") }
        return Set(lines.compactMap { $0.firstMatch(of: importLine).map { String($0.1) } })
    }

    func isIn(_ folder: String) -> Bool { path.hasPrefix(folder + "/") }
}
