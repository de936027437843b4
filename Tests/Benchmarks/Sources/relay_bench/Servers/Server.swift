// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// What is measured.
enum ServerKind: String, CaseIterable {
    case mesh
    case nats
    case redis
    case mosquitto
    case ngircd
    case epoll

    /// What the tables call it.
    var title: String {
        switch self {
        case .mesh: "tcp_server"
        case .nats: "NATS"
        case .redis: "Redis"
        case .mosquitto: "Mosquitto"
        case .ngircd: "ngIRCd"
        case .epoll: "bare epoll"
        }
    }
}

/// A server that runs, with a folder of its own, until nobody holds it any more.
final class Server {
    let kind: ServerKind
    let dialect: any Dialect
    let port: UInt16
    let folder: URL
    private(set) var process: ServerProcess
    private let command: [String]

    /// Starts a server and waits until it takes connections.
    ///
    /// The `options` are for tcp_server.
    init(_ kind: ServerKind, _ setup: Setup, options: [String] = Server.usualOptions) throws {
        self.kind = kind
        port = try Socket.freePort()
        folder = try FileManager.default.url(
            for: .itemReplacementDirectory,
            in: .userDomainMask,
            appropriateFor: FileManager.default.temporaryDirectory,
            create: true
        )
        (dialect, command) = try setup.prepare(kind, options, port: port, folder: folder)
        process = try ServerProcess(command, folder: folder)
        try awaitPort()
    }

    deinit {
        process.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    static let usualOptions = ["--durability", "stored", "--publish-rate", "0"]

    /// Starts it anew with the same files, on the same port.
    func start() throws {
        process = try ServerProcess(command, folder: folder)
        try awaitPort()
    }

    /// Logs in clients that read what the lobby is told.
    func receivers(_ count: Int) throws -> Fleet {
        let fleet = Fleet(port: port, dialect: dialect)
        try fleet.grow(to: count, role: .receiver, firstNumber: 1)
        return fleet
    }

    /// Logs in the client that publishes.
    func publisher() throws -> Fleet {
        let fleet = Fleet(port: port, dialect: dialect)
        try fleet.grow(to: 1, role: .publisher)
        return fleet
    }

    private func awaitPort() throws {
        let isThere = eventually(within: 20) {
            guard let socket = try? Socket.connect(port: port) else { return !process.isRunning }
            close(socket)
            return true
        }
        guard isThere, process.isRunning else { throw Failure("\(kind.title) does not start:\n\(process.lastWords)") }
    }
}
