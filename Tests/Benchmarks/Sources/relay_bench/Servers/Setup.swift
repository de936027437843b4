// SPDX-License-Identifier: Apache-2.0

import Bench
import CCrypt
import Foundation

/// Where the programs are, and how they are told to be as fast as they can and to refuse nobody.
struct Setup {
    /// tcp_server, a release build.
    var relay: String
    var broadcaster: String
    /// How many clients there may be.
    var clients: Int
    /// More options for tcp_server.
    var relayOptions: [String] = []

    static let password = "benchmark"
    /// More accounts, for the guessers, with hashes of the usual cost.
    static let guessedAccounts = 1_000
    static let guessedPassword = "unguessable"

    static func guessedAccount(_ number: Int) -> String { "g\(number)" }

    /// What a server is spoken to in, and the command that starts it; its files are in `folder`.
    func prepare(_ kind: ServerKind, _ options: [String], port: UInt16, folder: URL) throws -> (any Dialect, [String]) {
        switch kind {
        case .mesh: (Mesh(password: Self.password), try mesh(options, port, folder))
        case .nats: (NATS(), ["/usr/sbin/nats-server", "-c", try write(nats(port), to: folder)])
        case .redis: (Redis(), redis(port))
        case .mosquitto: (MQTT(), ["/usr/sbin/mosquitto", "-c", try write(mosquitto(port), to: folder)])
        case .ngircd: (IRC(), ["/usr/sbin/ngircd", "-n", "-f", try write(ngircd(port), to: folder)])
        case .epoll: (BareBytes(), [broadcaster, "\(port)"])
        }
    }

    private func write(_ text: String, to folder: URL) throws -> String {
        let file = folder.appending(path: "configuration")
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }

    private func mesh(_ options: [String], _ port: UInt16, _ folder: URL) throws -> [String] {
        let hash = try Self.hash(of: Self.password, cost: 1)
        let guessed = try Self.hash(of: Self.guessedPassword, cost: 0)
        let accounts =
            (0...clients).map { "\(Mesh.account($0)):\(hash)\n" }
            + (0..<Self.guessedAccounts).map { "\(Self.guessedAccount($0)):\(guessed)\n" }
        let file = folder.appending(path: "accounts")
        try accounts.joined().write(to: file, atomically: true, encoding: .utf8)
        return [
            relay, "--port", "\(port)", "--accounts", file.path, "--state-dir", folder.path,
            "--max-connections", "\(clients + 100)", "--log-level", "warning",
        ] + (try known(options)) + relayOptions
    }

    /// A hash of the preferred method: of cost 1, the least, where it is not logging in that is measured; of cost 0, the
    /// usual, for the accounts that are guessed at.
    private static func hash(of password: String, cost: UInt) throws -> String {
        guard let setting = crypt_gensalt("$y$", cost, nil, 0), let hash = crypt(password, setting) else {
            throw Failure("libcrypt can't make a hash")
        }
        return String(cString: hash)
    }

    /// Those of `options`, each with its value, that the relay has.
    private func known(_ options: [String]) throws -> [String] {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: relay)
        process.arguments = ["serve", "--help"]
        process.standardOutput = pipe
        try process.run()
        let help = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return stride(from: 0, to: options.count, by: 2).flatMap { index in
            help.contains("\(options[index]) ") ? [options[index], options[index + 1]] : []
        }
    }

    private func nats(_ port: UInt16) -> String {
        """
        listen: 127.0.0.1:\(port)
        max_connections: \(clients + 100)
        max_pending: 268435456
        write_deadline: "60s"
        ping_interval: "1h"
        """
    }

    private func redis(_ port: UInt16) -> [String] {
        [
            "/usr/bin/redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--protected-mode", "no", "--save", "",
            "--appendonly", "no", "--maxclients", "\(clients + 100)", "--client-output-buffer-limit", "pubsub 0 0 0",
        ]
    }

    private func mosquitto(_ port: UInt16) -> String {
        """
        user root
        listener \(port) 127.0.0.1
        allow_anonymous true
        set_tcp_nodelay true
        max_queued_messages 0
        persistence false
        log_type error
        """
    }

    private func ngircd(_ port: UInt16) -> String {
        """
        [Global]
        Name = irc.bench.test
        Info = Benchmark
        Listen = 127.0.0.1
        Ports = \(port)
        [Limits]
        MaxConnections = 0
        MaxConnectionsIP = 0
        MaxPenaltyTime = 0
        PingTimeout = 36000
        PongTimeout = 3600
        [Options]
        DNS = no
        Ident = no
        PAM = no
        """
    }
}
