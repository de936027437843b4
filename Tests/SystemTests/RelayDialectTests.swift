// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The built relay as `nc`, `openssl`, scripts and the built client see it.
@Suite struct RelayDialectTests {
    @Test func `the lines dialect is what the earlier clients speak, byte for byte`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            let bob = try await RawConnection(port: relay.port)
            try await bob.send("bob\npw-bob\n")
            #expect(
                await bob.says(exactly: "Enter username: Enter password: Welcome, bob!\nMessage history:\n")
            )
            let alice = try await RawConnection(port: relay.port)
            #expect(await alice.says(exactly: "Enter username: "))
            try await alice.send("alice\n")
            #expect(await alice.says(exactly: "Enter username: Enter password: "))
            try await alice.send("wrong\n")
            var dialogue = "Enter username: Enter password: Invalid credentials. Please try again.\nEnter username: "
            #expect(await alice.says(exactly: dialogue))
            try await alice.send("bob\r\npw-bob\r\n")
            dialogue += "Enter password: This username is already logged in. Please use a different username.\n"
            dialogue += "Enter username: "
            #expect(await alice.says(exactly: dialogue))
            try await alice.send("alice\npw-alice\n")
            dialogue += "Enter password: Welcome, alice!\nMessage history:\n"
            #expect(await alice.says(exactly: dialogue))
            try await bob.send("hello\n\n  spaced out  \n")
            dialogue += "[bob]: hello\n[bob]: spaced out\n"
            #expect(await alice.says(exactly: dialogue))
            try await alice.send("hi, bob\nexit\n")
            #expect(await eventually { alice.hasEnded })
            #expect(alice.text == dialogue)
            #expect(await bob.says("\n[alice]: hi, bob\n"))
            // The history has the user's own lines too.
            let again = try await RawConnection(port: relay.port)
            try await again.send("alice\npw-alice\n")
            #expect(
                await again.says(
                    exactly: "Enter username: Enter password: Welcome, alice!\nMessage history:\n"
                        + "[bob]: hello\n[bob]: spaced out\n[alice]: hi, bob\n"
                )
            )
        }
    }

    @Test func `nc, JSON, TLS and the client meet in one room, on one port`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory, accounts: ["lines", "json", "tls", "client"])
            defer { relay.process.kill() }
            let client = try ProgramProcess("tcp_client", relay.client("client"))
            defer { client.kill() }
            try client.type("from the client")
            let json = try await RawConnection(
                port: relay.port,
                saying: #"{"login":{"user":"json","password":"pw-json"}}"# + "\n"
            )
            #expect(await json.says(#""sender":"client""#))
            try await json.send(#"{"publish":{"text":"from JSON","clientMessageId":"1"}}"# + "\n")
            #expect(
                await json.says(#""accepted":{"clientMessageId":"1","room":"lobby","sequence":"2","level":"STORED"}"#)
            )
            let lines = try await shell(
                "printf 'lines\\npw-lines\\nfrom nc\\n' | nc -N 127.0.0.1 \(relay.port)"
            )
            #expect(lines.output.hasSuffix("Message history:\n[client]: from the client\n[json]: from JSON\n"))
            let tls = try await shell(
                "(printf 'tls\\npw-tls\\nfrom openssl\\n'; sleep 1; echo exit) | "
                    + "openssl s_client -quiet -connect 127.0.0.1:\(relay.port) 2>/dev/null"
            )
            #expect(tls.output.hasSuffix("[client]: from the client\n[json]: from JSON\n[lines]: from nc\n"))
            #expect(await json.says("from openssl"))
            #expect(
                await eventually {
                    client.output == "[json]: from JSON\n[lines]: from nc\n[tls]: from openssl\n"
                },
                "\(client.output)"
            )
            client.endInput()
            #expect(await eventually { !client.isRunning })
            #expect(client.exitCode == 0)
        }
    }

    @Test(arguments: [
        "openssl passwd -6 secret", "openssl passwd -5 secret", "htpasswd -nbB x secret | cut -d: -f2 | head -1",
        "mkpasswd -m yescrypt secret", "mkpasswd -m gost-yescrypt secret", "mkpasswd -m scrypt secret",
        "mkpasswd -m bcrypt secret",
    ])
    func `a hash made by the usual tools logs in`(tool: String) async throws {
        try await withTemporaryDirectory { directory in
            let file = "\(directory)/accounts"
            _ = try await shell("hash=$(\(tool)); echo \"right:$hash\" > \(file); echo \"cut:${hash%????}\" >> \(file)")
            _ = try await shell(
                "printf 'empty:\\nstar:*\\nlocked:!\\ndes:%s\\n' $(openssl passwd -1 secret) >> \(file)"
            )
            let relay = try await RunningRelay.start(in: directory, accounts: [])
            defer { relay.process.kill() }
            #expect(try await login("right", "secret", relay.port).contains("Welcome, right!"))
            for (user, password) in [
                ("right", "wrong"), ("right", ""), ("cut", "secret"), ("empty", ""), ("empty", "secret"), ("star", "*"),
                ("star", "secret"), ("locked", "!"), ("locked", "secret"), ("des", "secret"), ("nobody", "secret"),
            ] {
                let answer = try await login(user, password, relay.port)
                #expect(
                    answer == "Enter username: Enter password: Invalid credentials. Please try again.\nEnter username: "
                )
            }
        }
    }

    private func login(_ user: String, _ password: String, _ port: Int) async throws -> String {
        try await shell("printf '%s\\n%s\\n' '\(user)' '\(password)' | nc -N 127.0.0.1 \(port)").output
    }

    @Test func `accounts are kept by command, and the running relay notices`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory, accounts: [])
            defer { relay.process.kill() }
            let user = "tcp_server user"
            let here = "--state-dir \(directory)"
            #expect(try await shell("echo one | \(user) add dave \(here)").output == "Added dave.\n")
            #expect(try await login("dave", "one", relay.port).contains("Welcome, dave!"))
            #expect(try await shell("echo two | \(user) passwd dave \(here)").exitCode == 0)
            #expect(try await login("dave", "one", relay.port).contains("Invalid credentials"))
            #expect(try await login("dave", "two", relay.port).contains("Welcome, dave!"))
            let twice = try await shell("echo x | \(user) add dave \(here)")
            #expect(twice.exitCode == 65 && twice.output.contains("user passwd dave"))
            #expect(try await shell("\(user) list \(here)").output == "dave\n")
            let mode = try await shell(
                "stat -c %a \(directory)/accounts; grep -c '^dave:[$]y[$]' \(directory)/accounts"
            )
            #expect(mode.output == "600\n1\n")
            #expect(try await shell("\(user) remove dave \(here)").exitCode == 0)
            #expect(try await login("dave", "two", relay.port).contains("Invalid credentials"))
            for name in ["'a b'", "'a:b'", "$'a\\nb'", "$'\\e[31m'", "''"] {
                let refused = try await shell("echo x | \(user) add \(name) \(here)")
                #expect(refused.exitCode == 65 && !refused.output.contains("\u{1B}"), "\(name)")
            }
        }
    }
}
