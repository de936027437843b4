// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram

/// What a program asks the running agent for, as one line of JSON.
struct ControlRequest: Codable, Equatable, Sendable {
    let command: AgentCommand
    let format: OutputFormat

    /// The request for the rest of an answer that was too long.
    func continued(after place: String) -> ControlRequest? {
        guard case .keys(let prefix, _) = command else { return nil }
        return ControlRequest(command: .keys(prefix: prefix, after: place), format: format)
    }
}

extension OutputFormat: Codable {}

/// A line of the agent's answer.
enum ControlReply: Codable, Equatable, Sendable {
    /// A line to be printed, or several.
    case line(String)
    /// A value to be printed as it is.
    case bytes(Data)
    /// There is more, which the same command gives with this place.
    case more(after: String)
    /// Nothing follows: it was done.
    case done
    /// Nothing follows: it was not done.
    case failed(reason: String, code: Int32)
}

/// What an agent answers to a command.
struct Answer: Equatable, Sendable {
    let text: String
    let json: JSON

    func text(_ format: OutputFormat) -> String {
        switch format {
        case .text: text
        case .json: json.description
        }
    }
}

/// The bounds of the conversation.
enum ControlLimits {
    /// A line, in bytes: a value in base 64 and what is around it.
    static let line = 128 * 1024
    /// Lines that wait for a program that does not read them, in bytes.
    static let unread = 4 * 1024 * 1024
    /// The file's name in the state directory.
    static let socket = "control"
}
