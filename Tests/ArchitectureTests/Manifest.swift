// SPDX-License-Identifier: Apache-2.0

/// What Package.swift says of the targets, as far as its own way of writing goes: a constant for each product, and one
/// list of dependencies for each target.
///
/// SwiftPM's `--explicit-target-dependency-import-check` is silent in Swift 6.3, whatever is imported.
struct Manifest {
    struct Target: Equatable {
        let name: String
        let folder: String
        /// The modules that it may import, besides those of the toolchain.
        let modules: Set<String>
    }

    let targets: [Target]

    init(parsing text: String) {
        let product = /let (\w+) = Target\.Dependency\.product\(\s*name: "(\w+)"/
        let modules = Dictionary(text.matches(of: product).map { (String($0.1), String($0.2)) }) { first, _ in first }
        let beginning = /\.(target|executableTarget|testTarget|systemLibrary)\(\s*name: "(\w+)"/
        let matches = text.matches(of: beginning)
        let ends = matches.dropFirst().map(\.range.lowerBound) + [text.endIndex]
        targets = zip(matches, ends).map { match, end in
            let rest = text[match.range.upperBound..<end]
            let name = String(match.2)
            let place = match.1 == "testTarget" ? "Tests" : "Sources"
            let list = rest.firstMatch(of: /\bdependencies: \[([^\]]*)\]/)?.1 ?? ""
            return Target(
                name: name,
                folder: rest.firstMatch(of: /\bpath: "([^"]+)"/).map { String($0.1) } ?? "\(place)/\(name)",
                modules: Set(list.matches(of: /\w+/).map { modules[String($0.0)] ?? String($0.0) })
            )
        }
    }

    /// The imports of one file that its target does not declare, each in words.
    func violations(in file: SourceFile) -> [String] {
        guard file.path.hasSuffix(".swift"), let target = targets.first(where: { file.isIn($0.folder) }) else {
            return []
        }
        return file.imports.subtracting(target.modules).subtracting(Self.toolchain).sorted().map {
            "\(file.path) imports \($0), which \(target.name) does not depend on"
        }
    }

    private static let toolchain: Set<String> = [
        "Darwin", "Dispatch", "Foundation", "FoundationEssentials", "FoundationNetworking", "Glibc", "Musl",
        "PackageDescription",
        "Synchronization", "Testing",
    ]
}
