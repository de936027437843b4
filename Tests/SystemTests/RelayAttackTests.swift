// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What strangers may send: each gets a clear answer or is cut off, and two who talk meanwhile notice nothing.
@Suite struct RelayAttackTests {
    @Test func `hostile bytes end the connection that sent them, and no other`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            let alice = try await member("alice", relay)
            let bob = try await member("bob", relay)
            let before = "MESH/1\r\n"
            let hostile: [(name: String, bytes: [UInt8], answer: String)] = [
                ("garbage", [0x00, 0x01, 0x02, 0x80, 0xFE] + [0x0A], "Enter username: Enter password: "),
                ("a frame of 2^63 bytes", Array(before.utf8) + [UInt8](repeating: 0x80, count: 9) + [1], "longer than"),
                ("a length of 11 bytes", Array(before.utf8) + [UInt8](repeating: 0x80, count: 12), "malformed"),
                ("a frame that is no message", Array(before.utf8) + [3, 0xFF, 0xFF, 0xFF], "not a message"),
                ("JSON that is none", Array("{]\n".utf8), "not a message"),
                ("deep JSON", Array("{\"login\":\(String(repeating: "[", count: 3_000))\n".utf8), "not a message"),
                ("a line without end", [UInt8](repeating: 0x61, count: 200_000), "too much before the login"),
                ("0xFF for name and password", [0xFF, 0x0A, 0xFF, 0x0A], "Invalid credentials. Please try again.\n"),
                ("escapes for a name", Array("\u{1B}[2J\nx\n".utf8), "Invalid credentials. Please try again.\n"),
                ("HTTP without a host", Array("GET / HTTP/1.1\r\n\r\n".utf8), "HTTP/1.1 400 Bad Request\r\n"),
            ]
            for attack in hostile {
                let connection = try await RawConnection(port: relay.port)
                // At once, and the relay may cut it off before all is sent.
                connection.push(bytes: attack.bytes)
                #expect(await connection.says(attack.answer), "\(attack.name): \(connection.text)")
                connection.close()
            }
            let noTLS = try await RawConnection(port: relay.port)
            try? await noTLS.send(bytes: [0x16, 0x03, 0x01, 0xFF, 0xFF] + [UInt8](repeating: 7, count: 100))
            #expect(await eventually { noTLS.hasEnded })
            // Unfinished: nothing is owed to them, and nothing waits for them.
            let unfinished = try await RawConnection(port: relay.port)
            try await unfinished.send(bytes: [0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
            let half = try await RawConnection(port: relay.port)
            try await half.send("carol\npw-carol\nlast words")
            try await half.finishSending()
            #expect(await half.says("Welcome, carol!"))
            #expect(await eventually { half.hasEnded })
            try await alice.send("still here\n")
            #expect(await bob.says("[carol]: last words\n[alice]: still here\n"))
            #expect(relay.process.isRunning)
        }
    }

    @Test func `escapes and bytes that are no UTF-8 are refused as texts, and their sender told`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            let alice = try await member("alice", relay)
            let bob = try await member("bob", relay)
            try await alice.send(bytes: Array("\u{1B}]0;owned\u{7}\n".utf8) + [0xFF, 0x0A] + Array("fine\n".utf8))
            #expect(await bob.says("[alice]: fine\n"))
            #expect(!bob.text.contains("owned"))
            #expect(await alice.says("Message refused: it has control characters"))
            #expect(await alice.says("Message refused: it is not UTF-8\n"))
        }
    }

    @Test(arguments: [["--durability", "memory", "--history", "100"], ["--history", "100"]])
    func `a client that never reads stops nobody, and gets what was kept or is told what it missed`(
        options: [String]
    ) async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory, options)
            defer { relay.process.kill() }
            let stuck = try await RawConnection(port: relay.port, reads: false)
            try await stuck.send("carol\npw-carol\n")
            let bob = try await member("bob", relay)
            let alice = try await member("alice", relay)
            #expect(await eventually { relay.process.log.contains("user=carol") })
            // 15 MB: more than the socket buffers of both ends hold.
            let text = String(repeating: "x", count: 30_000)
            for number in 1...500 { try await alice.send("\(number) \(text)\n") }
            #expect(await bob.says("[alice]: 500 x"))
            let memory = try await shell("ps -o rss= -p $(pgrep -f -- '--state-dir \(directory) ' | head -1)")
            let kilobytes = Int(memory.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .max
            #expect(kilobytes < 200_000, "the relay takes \(kilobytes) KiB")
            try await stuck.startReading()
            #expect(await stuck.says("[alice]: 500 x"))
            let shown = stuck.text.matches(of: /\[alice\]: (\d+) x/).compactMap { Int($0.1) }
            let isKept = !options.contains("memory")
            #expect(stuck.text.contains("Gap: messages ") == !isKept)
            #expect(isKept ? shown == Array(1...500) : shown.count < 500 && shown == shown.sorted())
        }
    }

    @Test func `an account has as many clients as it may, and the next is told so`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory, ["--clients-per-account", "1"])
            defer { relay.process.kill() }
            let login = #"{"login":{"user":"alice","password":"pw-alice","session":"s"}}"# + "\n"
            let first = try await RawConnection(port: relay.port, saying: login)
            #expect(await first.says(#""welcome""#))
            try await first.send(login)
            #expect(await first.says(#""reason":"LOGGED_IN_ALREADY""#))
            let other = try await RawConnection(port: relay.port, saying: login.replacing(#""s""#, with: #""t""#))
            #expect(await other.says(#""reason":"TOO_MANY_CLIENTS""#))
            // The same session on a new connection takes the place of the old one.
            let second = try await RawConnection(port: relay.port, saying: login)
            #expect(await second.says(#""welcome""#))
            #expect(await first.says(#""reason":"REPLACED""#))
        }
    }

    @Test func `it stops within two seconds and tells everyone, whoever is connected`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            let alice = try await member("alice", relay)
            let json = try await RawConnection(
                port: relay.port,
                saying: #"{"login":{"user":"bob","password":"pw-bob"}}"# + "\n"
            )
            #expect(await json.says("welcome"))
            let stuck = try await RawConnection(port: relay.port, reads: false)
            try await stuck.send("carol\npw-carol\n")
            #expect(await eventually { relay.process.log.contains("user=carol") })
            for _ in 1...50 { try await alice.send("\(String(repeating: "x", count: 31_000))\n") }
            let silent = try await RawConnection(port: relay.port)
            let unfinished = try await RawConnection(port: relay.port)
            try await unfinished.send(bytes: [0x16, 0x03, 0x01])
            let start = ContinuousClock.now
            relay.process.signal(SIGTERM)
            #expect(await eventually { !relay.process.isRunning })
            #expect(ContinuousClock.now - start < .seconds(2))
            #expect(relay.process.exitCode == 0, "\(relay.process.log)")
            #expect(await alice.says("The server is shutting down.\n"))
            #expect(await json.says(#""reason":"SHUTTING_DOWN""#))
            #expect(await eventually { silent.hasEnded })
        }
    }

    @Test func `start-up failures are one line that names the setting`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            let taken = try await shell("tcp_server --state-dir \(directory)/other --port \(relay.port) 2>&1 | tail -1")
            #expect(taken.output.contains("the port is taken; choose another with --port"))
            let shared = try await shell("tcp_server --state-dir \(directory) --port 0 2>&1 | tail -1")
            #expect(shared.output.contains("choose another with --state-dir"))
            let unwritable = try await shell("tcp_server --state-dir /proc/nothing")
            #expect(unwritable.exitCode == 73 && unwritable.output.contains("--state-dir"))
            let wrongPort = try await shell("tcp_server --port 70000")
            #expect(wrongPort.exitCode == 64 && wrongPort.output.contains("'70000' is invalid for '--port"))
            let several = try await shell(
                "TCP_SERVER_PORT=x TCP_SERVER_LOGIN_TIMEOUT=soon tcp_server --state-dir \(directory) --history 0"
            )
            #expect(several.exitCode == 78)
            for fault in ["TCP_SERVER_PORT", "TCP_SERVER_LOGIN_TIMEOUT", "--history"] {
                #expect(several.output.contains(fault))
            }
            let full = try await shell("tcp_server user add x --accounts /dev/full/accounts < /dev/null")
            #expect(full.exitCode == 73)
        }
    }

    /// Somebody who is logged in, in the lines dialect.
    private func member(_ name: String, _ relay: RunningRelay) async throws -> RawConnection {
        let connection = try await RawConnection(port: relay.port)
        try await connection.send("\(name)\npw-\(name)\n")
        try #require(await connection.says("Welcome, \(name)!"))
        return connection
    }
}
