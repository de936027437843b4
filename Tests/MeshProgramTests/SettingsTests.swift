// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshProgram
import NIOCore
import TestSupport
import Testing

/// Each test has a program of its own, since they share one environment.
@Suite struct SettingsTests {
    @Test func `a flag goes before the environment, that before the file, and that before the default`() async throws {
        var settings = try await settings(
            of: "first_program",
            ["FIRST_PROGRAM_PORT": "2", "FIRST_PROGRAM_HOST": "environment"],
            file: "port: 3\nhost: file\nname: file\n"
        )
        #expect(settings.value("port", flag: 1, default: 4) == 1)
        #expect(settings.value("host", flag: nil, default: "default") == "environment")
        #expect(settings.value("name", flag: nil, default: "default") == "file")
        #expect(settings.value("other", flag: nil, default: "default") == "default")
        #expect(settings.value("other", flag: String?.none) == nil)
        try settings.check()
    }

    @Test func `a variable is named like its program and option`() async throws {
        var settings = try await settings(
            of: "tcp_server_of_tests",
            ["TCP_SERVER_OF_TESTS_LOGIN_TIMEOUT": "3s", "TCP_SERVER_OF_TESTS_ALLOW_PLAINTEXT": "true"]
        )
        let time = settings.value("login-timeout", flag: nil, default: TimeSpan(.seconds(10)))
        #expect(time.amount == .seconds(3))
        let isAllowed = settings.value("allow-plaintext", flag: nil, default: false)
        #expect(isAllowed)
        try settings.check()
    }

    @Test func `an empty variable counts as none`() async throws {
        var settings = try await settings(of: "second_program", ["SECOND_PROGRAM_PORT": ""])
        #expect(settings.value("port", flag: nil, default: 4) == 4)
        try settings.check()
    }

    @Test func `the file may write a value as YAML writes numbers, words and truths`() async throws {
        var settings = try await settings(
            of: "third_program",
            file: """
                # A comment
                port: 9000
                big: 123456789012
                text: "9000"
                yes-flag: true
                no-flag: false
                time: 10s
                numeric-text: 17
                ratio: 1.5

                """
        )
        #expect(settings.value("port", flag: UInt16?.none) == 9_000)
        #expect(settings.value("big", flag: Int?.none) == 123_456_789_012)
        #expect(settings.value("text", flag: UInt16?.none) == 9_000)
        #expect(settings.value("yes-flag", flag: Bool?.none) == true)
        #expect(settings.value("no-flag", flag: Bool?.none) == false)
        #expect(settings.value("time", flag: TimeSpan?.none)?.amount == .seconds(10))
        #expect(settings.value("numeric-text", flag: String?.none) == "17")
        #expect(settings.value("ratio", flag: Double?.none) == 1.5)
        try settings.check()
    }

    @Test func `a file may be JSON, too`() async throws {
        var settings = try await settings(of: "fourth_program", file: #"{"port": 9000, "host": "::1"}"#)
        #expect(settings.value("port", flag: UInt16?.none) == 9_000)
        #expect(settings.value("host", flag: String?.none) == "::1")
    }

    @Test func `all faults are told together, each with its place`() async throws {
        var settings = try await settings(
            of: "fifth_program",
            ["FIFTH_PROGRAM_PORT": "70000", "FIFTH_PROGRAM_LOGIN_TIMEOUT": "soon"],
            file: "history: many\n"
        )
        #expect(settings.value("port", flag: nil, default: UInt16(1)) == 1)
        _ = settings.value("login-timeout", flag: TimeSpan?.none)
        _ = settings.value("history", flag: Int?.none)
        settings.fault("--a and --b go together")
        let failure = try #require(throws: ProgramFailure.self) { try settings.check() }
        let words = "\(failure)"
        #expect(words.contains("the environment variable FIFTH_PROGRAM_PORT is '70000'"))
        #expect(words.contains("FIFTH_PROGRAM_LOGIN_TIMEOUT is 'soon'"))
        #expect(words.contains("history in "))
        #expect(words.hasSuffix("; --a and --b go together"))
        #expect(!words.contains("\n"))
    }

    @Test(arguments: ["port: [", "\t- x: :", "just words", "- a\n- b\n"])
    func `a file that is no list of settings is a fault`(text: String) async throws {
        await #expect(throws: ProgramFailure.self) { try await settings(of: "sixth_program", file: text) }
    }

    @Test func `a file that is not there is a fault that names it`() async throws {
        let failure = await #expect(throws: ProgramFailure.self) {
            try await Settings(program: "seventh_program", configFile: "/no/such/file.yaml")
        }
        #expect(failure.map { "\($0)" }?.contains("/no/such/file.yaml") == true)
    }

    @Test func `what a value looks like can't steer the terminal that shows the fault`() async throws {
        var settings = try await settings(of: "eighth_program", ["EIGHTH_PROGRAM_PORT": "\u{1B}[31m\n9"])
        _ = settings.value("port", flag: UInt16?.none)
        let failure = try #require(throws: ProgramFailure.self) { try settings.check() }
        #expect(!"\(failure)".contains("\u{1B}") && !"\(failure)".contains("\n"))
    }

    private func settings(
        of program: String,
        _ environment: [String: String] = [:],
        file: String? = nil
    ) async throws -> Settings {
        for (name, value) in environment { setenv(name, value, 1) }
        guard let file else { return try await Settings(program: program, configFile: nil) }
        return try await withTemporaryDirectory { directory in
            let path = directory + "/config.yaml"
            try Data(file.utf8).write(to: URL(filePath: path))
            return try await Settings(program: program, configFile: path)
        }
    }
}
