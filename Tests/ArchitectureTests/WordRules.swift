// SPDX-License-Identifier: Apache-2.0

/// Words that some code must do without, comments and strings left aside.
enum WordRules {
    /// The lines of one file that have a word which has no place there.
    static func violations(in file: SourceFile) -> [String] {
        guard file.path.hasSuffix(".swift"), !file.isGenerated else { return [] }
        let rules = rules.filter { $0.concerns(file) }
        if rules.isEmpty { return [] }
        return file.codeLines.enumerated().flatMap { index, line in
            rules.filter { $0.isBroken(by: line) }.map { "\(file.path):\(index + 1) \($0.reason): \($0.word)" }
        }
    }

    private struct Rule {
        let word: String
        let reason: String
        let concerns: @Sendable (SourceFile) -> Bool
        /// What makes the word harmless on its line.
        var unless: String?

        func concerns(_ file: SourceFile) -> Bool { concerns(file) }

        func isBroken(by line: Substring) -> Bool {
            line.hasWord(word) && !(unless.map { line.contains($0) } ?? false)
        }
    }

    private static let rules: [Rule] =
        protocolMayNot.flatMap { reason, words in
            words.map { word in
                Rule(word: word, reason: reason, concerns: { $0.isIn("Sources/MeshCore/Protocol") })
            }
        } + [
            Rule(
                word: ".random(",
                reason: "draws from no generator that was given",
                concerns: { $0.isIn("Sources/MeshCore/Protocol") },
                unless: "using: "
            )
        ]
        + ["Task.sleep(", "Thread.sleep(", "usleep(", "nanosleep("].map { word in
            Rule(word: word, reason: "sleeps where it should wait for a condition") {
                $0.isIn("Tests") && $0.path != "Tests/TestSupport/Eventually.swift"
            }
        }

    /// A protocol is a value: nothing in it waits, knows the time, draws a number or touches the world.
    private static let protocolMayNot = [
        "waits": ["async", "await", "Task", "TaskGroup", "actor", "EventLoop", "EventLoopFuture", "DispatchQueue"],
        "reads a clock": [
            ".now", "Date()", "ContinuousClock", "SuspendingClock", "ProcessInfo", "DispatchTime", "clock_gettime(",
        ],
        "draws from no generator that was given": [
            ".randomElement()", ".shuffled()", ".shuffle()", "SystemRandomNumberGenerator", "UUID()", "SymmetricKey(",
        ],
        "logs": ["Logger", "print(", "debugPrint("],
        "locks": ["Mutex", "NIOLock", "NIOLockedValueBox", "Atomic"],
        "touches the world": [
            "FileManager", "FileHandle", "open(", "fopen(", "socket(", "connect(to:", "getenv(", "stdout", "stderr",
        ],
    ]
}

extension Substring {
    /// Whether `word` stands here with nothing before or after it that would make it another word.
    fileprivate func hasWord(_ word: String) -> Bool {
        ranges(of: word).contains { range in
            let before = range.lowerBound > startIndex ? self[index(before: range.lowerBound)] : " "
            let after = range.upperBound < endIndex ? self[range.upperBound] : " "
            let beginsAfresh = !(word.first?.isPartOfName ?? false) || !before.isPartOfName
            return beginsAfresh && (!(word.last?.isPartOfName ?? false) || !after.isPartOfName)
        }
    }
}

extension Character {
    fileprivate var isPartOfName: Bool { isLetter || isNumber || self == "_" }
}
