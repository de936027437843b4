// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The package that these tests were built from.
enum SourceTree {
    /// The names of what lies in the package's folder.
    static func topLevel() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root)
    }

    /// Each text file, once: links are not followed, and what a build made is left out.
    static func files() throws -> [SourceFile] {
        try read.get()
    }

    /// Read once for all tests.
    private static let read = Result { try readFiles() }

    private static func readFiles() throws -> [SourceFile] {
        guard let paths = FileManager.default.enumerator(atPath: root) else { return [] }
        var files: [SourceFile] = []
        while let path = paths.nextObject() as? String {
            let name = path.split(separator: "/").last ?? ""
            if [".git", ".build", ".swiftpm"].contains(name) || name.hasPrefix(".build") {
                paths.skipDescendants()
            } else if let file = try readText(path) {
                files.append(file)
            }
        }
        return files
    }

    private static let root = String(#filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" })

    /// Nil for a folder, a link, and what is no text.
    private static func readText(_ path: String) throws -> SourceFile? {
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(root)/\(path)")
        guard attributes[.type] as? FileAttributeType == .typeRegular else { return nil }
        let bytes = try Data(contentsOf: URL(filePath: "\(root)/\(path)"))
        return String(validating: bytes, as: UTF8.self).map { SourceFile(path: path, text: $0) }
    }
}
