// SPDX-License-Identifier: Apache-2.0

import MeshAdmin
import MeshCore
import NIOCore
import SwiftProtobuf

extension Relay {
    /// What an operator may ask of the relay while it runs.
    var operatorRoutes: [AdminRoute] {
        [
            AdminRoute("GET", "/rooms") { _ in
                await answering { try .json(await onLoop { $0.roomFigures() }.json()) }
            },
            AdminRoute("GET", "/clients") { request in
                await answering {
                    guard let room = request.query["room"] else {
                        return try .json(await onLoop { $0.clientFigures() }.json())
                    }
                    guard let clients = try await onLoop({ $0.clientFigures(in: room) }) else { return .noRoom(room) }
                    return try .json(clients.json())
                }
            },
            AdminRoute("GET", "/rooms/*/history") { request in
                await answering { try await history(request) }
            },
            AdminRoute("POST", "/accounts/*/kick") { request in
                await answering { try await kick(request.path[1]) }
            },
        ]
    }

    /// Whether it takes connections, and messages.
    @Sendable func isReady() async -> Bool {
        (try? await onLoop { $0.surroundings.rooms.trouble == nil }) ?? false
    }

    private func history(_ request: AdminRequest) async throws -> AdminAnswer {
        guard let room = RoomName(request.path[1]) else { return .problem(400, "no room can have that name") }
        let before = request.query["before"].flatMap { UInt64($0) } ?? 0
        let limit = request.query["limit"].flatMap { Int($0) } ?? 100
        guard let page = try await page(HistoryRequest(room: room, edge: .before(before), limit: limit)) else {
            return .noRoom(room.description)
        }
        return try .json(page.messages.map(MessageFigures.init).json())
    }

    private func kick(_ name: String) async throws -> AdminAnswer {
        guard let account = AccountName(name), authenticator.knows(account) else {
            return .problem(404, "there is no account \(name.printable): see `tcp_server user list`")
        }
        // First the tickets: nobody is to come back between the two.
        try authenticator.tickets.revoke(account)
        return .text("\(try await onLoop { $0.kick(account) })")
    }

    /// Nil if there is no such room.
    private func page(_ request: HistoryRequest) async throws -> WirePage? {
        let page = try await onLoop { hall in
            let promise = hall.loop.makePromise(of: WirePage?.self)
            hall.page(request) { promise.succeed($0) }
            return promise.futureResult
        }
        return try await page.get()
    }

    private func answering(_ answer: () async throws -> AdminAnswer) async -> AdminAnswer {
        do {
            return try await answer()
        } catch is NotRunning {
            return .problem(503, "the relay is starting or stopping: try again in a moment")
        } catch {
            return .problem(500, "\(error)")
        }
    }
}

extension AdminAnswer {
    fileprivate static func noRoom(_ name: String) -> AdminAnswer {
        .problem(404, "there is no room \(name.printable): see `tcp_server rooms`")
    }
}

extension MessageFigures {
    init(_ message: WireMessage) {
        let text =
            switch message.body {
            case .text(let text): text
            case .data(let data): "(\(data.count) bytes)"
            case nil: ""
            }
        self.init(sequence: message.sequence, time: message.time.date, sender: message.sender, text: text)
    }
}
