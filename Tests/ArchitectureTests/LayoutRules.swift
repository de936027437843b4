// SPDX-License-Identifier: Apache-2.0

/// Where files lie, what they are called, and what each has to say first.
enum LayoutRules {
    /// What is wrong with one file of the package.
    static func violations(in file: SourceFile) -> [String] {
        let vague = file.folders.filter { vagueWords.contains(String($0)) }.map { "is in a folder \($0)" }
        let promises = promises.filter { file.text.contains($0) }.map { "has a \($0)" }
        let license = file.needsLicense && !file.hasLicense ? ["has no SPDX line first"] : []
        return (vague + promises + license).map { "\(file.path) \($0)" }
    }

    /// What is at the top of the package and does not belong there.
    static func strangers(atTop names: [String]) -> [String] {
        names.filter { !atTop.contains($0) && !$0.hasPrefix(".build") }.sorted()
    }

    private static let atTop: Set<String> = [
        ".ci", ".git", ".gitignore", ".swift-format", "LICENSE", "Package.swift", "README.md", "Services", "Sources",
        "Tests", "deploy",
        // Not in the repository: made by whoever builds or opens the package.
        ".DS_Store", ".swiftpm", "Package.resolved",
    ]

    /// Folders are named for concepts of the domain.
    private static let vagueWords: Set<String> = [
        "Common", "Extensions", "Helper", "Helpers", "Manager", "Managers", "Misc", "Model", "Models", "Util", "Utils",
        "Utilities",
    ]

    /// Spelt so that this file has none itself.
    private static let promises = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
}

extension SourceFile {
    fileprivate var needsLicense: Bool {
        let endings = [".swift", ".sh", ".proto", ".h", ".c"]
        return endings.contains { path.hasSuffix($0) } || text.hasPrefix("#!")
    }

    /// The first line, or the second where the first must be something else.
    fileprivate var hasLicense: Bool {
        let lines = text.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
        let isTaken = lines.first.map { $0.hasPrefix("#!") || $0.hasPrefix("// swift-tools-version:") } ?? false
        let line = isTaken ? lines.dropFirst().first : lines.first
        return line == "// SPDX-License-Identifier: Apache-2.0" || line == "# SPDX-License-Identifier: Apache-2.0"
    }
}
