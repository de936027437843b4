// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// An operator changes files while the relay runs.
@Suite struct RelayRereadingTests {
    @Test func `another password file is taken as a whole or not at all`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory, accounts: ["alice"])
            defer { relay.process.kill() }
            #expect(try await welcome("alice", relay))
            let accounts = directory + "/accounts"
            let before = try String(contentsOfFile: accounts, encoding: .utf8)
            try await replace(accounts, with: "echo dave:$(openssl passwd -5 pw-dave); echo no account", relay)
            #expect(await eventually { relay.process.log.contains("what was read before stays in force") })
            #expect(try await welcome("alice", relay))
            #expect(try await !welcome("dave", relay))
            try await replace(accounts, with: "echo '\(before)'; echo dave:$(openssl passwd -5 pw-dave)", relay)
            #expect(await eventually { relay.process.log.contains("2 accounts") })
            #expect(try await welcome("dave", relay))
            #expect(try await welcome("alice", relay))
            #expect(relay.process.isRunning)
        }
    }

    @Test func `a relay ends with the terminal that it was started at`() async throws {
        try await withTemporaryDirectory { directory in
            let isThere = "pgrep -f '^tcp_server --port 0 --state-dir \(directory)' >/dev/null"
            let result = try await shell(
                """
                cd \(directory); exec 2>/dev/null
                await() { for try in $(seq 200); do if eval "$1"; then echo "$2"; break; fi; sleep 0.1; done; }
                script -fqec 'exec tcp_server --port 0 --state-dir \(directory)' typescript </dev/null >/dev/null 2>&1 &
                await "grep -q listening typescript" listens
                await "\(isThere)" runs
                kill -9 $!
                await "! \(isThere)" ended
                """
            )
            #expect(result.output == "listens\nruns\nended\n")
        }
    }

    @Test func `another certificate and key are taken together or not at all`() async throws {
        try await withTemporaryDirectory { directory in
            let (certificate, key) = (directory + "/certificate.pem", directory + "/key.pem")
            try await makeCertificate("first", certificate, key)
            let relay = try await RunningRelay.start(
                in: directory,
                ["--tls-certificate", certificate, "--tls-key", key]
            )
            defer { relay.process.kill() }
            #expect(try await shown(by: relay).contains("first"))
            try await makeCertificate("second", certificate, directory + "/other.pem")
            relay.process.signal(SIGHUP)
            #expect(await eventually { relay.process.log.contains("what was read before stays in force") })
            #expect(try await shown(by: relay).contains("first"))
            _ = try await shell("mv \(directory)/other.pem \(key)")
            relay.process.signal(SIGHUP)
            let isTaken = try await eventually { try await shown(by: relay).contains("second") }
            #expect(isTaken)
            #expect(relay.process.isRunning)
        }
    }

    /// Replaces a file with what a shell command says, and tells the relay.
    private func replace(_ file: String, with command: String, _ relay: RunningRelay) async throws {
        let made = try await shell("(\(command)) > \(file).new && mv \(file).new \(file)")
        #expect(made.exitCode == 0, "\(made.output)")
        relay.process.signal(SIGHUP)
    }

    private func makeCertificate(_ name: String, _ certificate: String, _ key: String) async throws {
        let made = try await shell(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=\(name) "
                + "-out \(certificate) -keyout \(key) 2>&1"
        )
        #expect(made.exitCode == 0, "\(made.output)")
    }

    /// The subject of the certificate that the relay shows.
    private func shown(by relay: RunningRelay) async throws -> String {
        let command = "openssl s_client -connect 127.0.0.1:\(relay.port) </dev/null 2>/dev/null"
        return try await shell("\(command) | openssl x509 -noout -subject").output
    }

    /// Whether somebody with this name and the password that goes with it is let in.
    private func welcome(_ name: String, _ relay: RunningRelay) async throws -> Bool {
        let peer = try await RawConnection(port: relay.port, saying: "\(name)\npw-\(name)\n")
        defer { peer.close() }
        let isAnswered = await eventually {
            peer.text.contains("Welcome, ") || peer.text.contains("Invalid credentials")
        }
        #expect(isAnswered)
        return peer.text.contains("Welcome, \(name)!")
    }
}
