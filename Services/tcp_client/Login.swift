// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshProgram

/// Where the name and the password come from: the options, else a person.
struct Login: Sendable {
    private let user: String?
    private let password: String?
    private let isInteractive: Bool

    /// Fails where neither has them.
    init(_ configuration: Configuration, isInteractive: Bool) throws {
        user = configuration.user
        password = try configuration.passwordFile.map(Self.firstLine)
        self.isInteractive = isInteractive
        if isInteractive { return }
        guard user != nil else {
            throw ProgramFailure(.usage, "without a terminal the name can't be asked for: give --user")
        }
        guard password != nil else {
            throw ProgramFailure(.usage, "without a terminal the password can't be asked for: give --password-file")
        }
    }

    /// How many passwords may be wrong before it is over.
    var attempts: Int { isInteractive && password == nil ? 3 : 1 }

    /// The name and the password, asked for where they were not given; nil if the person doesn't want to tell.
    @concurrent
    func ask() async -> (user: String, password: String)? {
        if let user, let password { return (user, password) }
        guard isInteractive, let user = user ?? Self.name() else { return nil }
        guard let password = try? password ?? readPassword(prompt: "Password: ") else { return nil }
        return (user, password)
    }

    private static func name() -> String? {
        print("Username: ", terminator: "")
        // Swift's output is buffered, and a prompt has no line end.
        fflush(nil)
        return readLine()
    }

    private static func firstLine(of path: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ProgramFailure(.configuration, "can't read the password from \(path): give another --password-file")
        }
        return String(text.prefix { !$0.isNewline })
    }
}
