// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct WordRulesTests {
    @Test func `the protocols neither wait nor touch the world, and no test sleeps`() throws {
        #expect(try SourceTree.files().flatMap(WordRules.violations) == [])
    }

    @Test(arguments: [
        "func run() async {}", "await next()", "Task { }", "let now = NIODeadline.now()", "at: .now", "Date()",
        "Double.random(in: 0...1)", "[1, 2].shuffled()", "let logger: Logger", "Mutex(0)", "NIOLock()",
        "FileManager.default", "open(path, O_RDONLY)", "socket(AF_INET, 0, 0)", "print(\"\\(Task.isCancelled)\")",
        "actor Room {}",
    ])
    func `a word that is forbidden in a protocol is found`(line: String) {
        #expect(!WordRules.violations(in: SourceFile(path: Self.machine, text: "let a = 1\n" + line)).isEmpty)
    }

    @Test(arguments: [
        "// async, await and Task", "/* Date() /* .now */ Mutex */", "let words = \"Task, open(it)\"",
        "case awaitingLogin", "open.append(message)", "Double.random(in: 0...1, using: &generator)",
        "isNow = next.nowhere", "let page = #\"Logger \"quoted\" .now()\"#", "reopen(path)",
    ])
    func `a word that only looks like one is let pass`(line: String) {
        #expect(WordRules.violations(in: SourceFile(path: Self.machine, text: line)) == [])
    }

    @Test func `a finding names its line`() {
        let text = "/* one\ntwo */\nlet three = \"\"\"\n  .now\n  \"\"\"\nTask {}\n"
        #expect(
            WordRules.violations(in: SourceFile(path: Self.machine, text: text)) == ["\(Self.machine):6 waits: Task"]
        )
    }

    @Test(arguments: ["try await Task.sleep(for: .seconds(1))", "usleep(1)", "Thread.sleep(forTimeInterval: 1)"])
    func `a test that sleeps is found`(line: String) {
        #expect(!WordRules.violations(in: SourceFile(path: "Tests/SystemTests/Relay.swift", text: line)).isEmpty)
    }

    @Test(arguments: ["Tests/TestSupport/Eventually.swift", "Services/device/Agent.swift"])
    func `a pause elsewhere is let pass`(path: String) {
        #expect(WordRules.violations(in: SourceFile(path: path, text: "await Task.sleep(for: .seconds(1))")) == [])
    }

    @Test func `what protoc wrote is left alone`() {
        #expect(WordRules.violations(in: SourceFile(path: "Sources/MeshCore/Protocol/a.pb.swift", text: "Task")) == [])
    }

    private static let machine = "Sources/MeshCore/Protocol/Relay/RoomLog.swift"
}
