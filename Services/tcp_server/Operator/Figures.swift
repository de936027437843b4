// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What an operator is told of a room.
struct RoomFigures: Codable, Equatable, Sendable {
    let room: String
    /// The oldest message that is kept, and the newest; 1 and 0 while there is none.
    let first: UInt64
    let last: UInt64
    /// Accounts that are in it, and their clients.
    let people: Int
    let clients: Int
    /// What memory holds of it, in bytes.
    let memory: Int
}

/// What an operator is told of a client that is logged in.
struct ClientFigures: Codable, Equatable, Sendable {
    let user: String
    let session: String
    let dialect: String
    let address: String
    let since: Date
    let rooms: [String]
}

/// What an operator is told of a message.
struct MessageFigures: Codable, Equatable, Sendable {
    let sequence: UInt64
    let time: Date
    let sender: String
    /// What was said; of a message of bytes how many they are.
    let text: String
}

extension Encodable {
    /// One line of JSON.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension Decodable {
    /// Reads what ``Encodable/json()`` wrote.
    init(json: String) throws {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        self = try decoder.decode(Self.self, from: Data(json.utf8))
    }
}
