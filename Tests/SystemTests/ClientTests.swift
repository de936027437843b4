// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The built client, as a filter and as an interactive program.
@Suite struct ClientTests {
    @Test func `as a filter it sends lines, writes what others say, and ends with its input`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            let bob = try ProgramProcess("tcp_client", relay.client("bob") + ["--format", "json"])
            defer { bob.kill() }
            #expect(await eventually { relay.process.log.contains("user=bob") })
            let sent = try await shell("seq 1 5000 | \(relay.clientCommand("alice"))")
            #expect(sent.exitCode == 0, "\(sent.output)")
            #expect(await eventually { bob.says(#""text":"5000""#) })
            let numbers = bob.output.matches(of: /"sender":"alice".*"text":"(\d+)"/).map { Int($0.1) }
            #expect(numbers == (1...5_000).map { $0 })
        }
    }

    @Test func `a text that can't be sent is told, and the exit code says so`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            let mixed = try await shell("printf 'fine\\n\\xff\\n\\x1b[2J\\n' | \(relay.clientCommand("alice"))")
            #expect(mixed.exitCode == 65)
            #expect(mixed.output.contains("line 2: it is not UTF-8") && !mixed.output.contains("\u{1B}"))
            #expect(mixed.output.contains("line 3: Not sent, since it has control characters"))
            #expect(mixed.output.contains("2 lines were refused"))
        }
    }

    @Test func `each way to fail has its exit code and one line that says what to do`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            let wrong = try await shell(
                relay.clientCommand("alice").replacing("pw-alice", with: "pw-bob") + " </dev/null"
            )
            #expect(wrong.exitCode == 77 && wrong.output.hasSuffix("The user name or the password is wrong.\n"))
            let absent = try await shell(
                relay.clientCommand("alice").replacing("--port \(relay.port)", with: "--port 1") + " </dev/null"
            )
            #expect(absent.exitCode == 69)
            #expect(
                absent.output
                    == "tcp_client: no relay at 127.0.0.1:1: connection refused. Is tcp_server running there?\n"
            )
            let nameless = try await shell("tcp_client --port \(relay.port) --state-dir \(directory)/x </dev/null")
            #expect(nameless.exitCode == 64 && nameless.output.contains("--user"))
            // Its certificate is another one now.
            let known = "\(directory)/client-alice/known_relays"
            _ = try await shell("sed -i 's/SHA256:.../SHA256:AAA/' \(known)")
            let changed = try await shell(relay.clientCommand("alice") + " </dev/null")
            #expect(changed.exitCode == 76 && changed.output.contains("remove line 1 of \(known)"))
        }
    }

    @Test func `nothing that is typed while the relay is away is lost`() async throws {
        try await withTemporaryDirectory { directory in
            let first = try await RunningRelay.start(in: directory)
            defer { first.process.kill() }
            let alice = try ProgramProcess("tcp_client", first.client("alice"))
            defer { alice.kill() }
            // Who was never let in ends when the relay does.
            let bob = try await RawConnection(port: first.port, saying: "bob\npw-bob\n")
            #expect(await bob.says("Welcome, bob!"))
            try alice.type("before")
            #expect(await bob.says("[alice]: before\n"))
            bob.close()
            first.process.kill()
            #expect(await eventually { alice.log.contains("Server disconnected: ") })
            try alice.type("typed meanwhile")
            let second = try await RunningRelay.start(in: directory, port: first.port)
            defer { second.process.kill() }
            #expect(await eventually { alice.log.contains("Connected again.") })
            try alice.type("and after")
            alice.endInput()
            #expect(await eventually { !alice.isRunning })
            #expect(alice.exitCode == 0)
            let history = try await shell("printf 'bob\\npw-bob\\n' | nc -N 127.0.0.1 \(second.port)")
            let texts = ["before", "typed meanwhile", "and after"].map { "[alice]: \($0)\n" }.joined()
            #expect(history.output.hasSuffix("Message history:\n" + texts))
        }
    }

    @Test func `at a terminal it asks, hides the password, and keeps the typed line whole`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            try await Terminal.with(directory) { terminal in
                try await terminal.run("tcp_client --port \(relay.port) --state-dir \(directory)/x; echo left $?")
                for password in ["wrong", "pw-alice"] {
                    #expect(await terminal.shows(/Username:$/))
                    try await terminal.type("alice")
                    #expect(await terminal.shows(/Username: alice\nPassword:$/))
                    try await terminal.type(password)
                }
                #expect(await terminal.shows(/The user name or the password is wrong\. Please try again\./))
                #expect(await terminal.shows(/Welcome, alice!/))
                #expect(try await !terminal.screen().contains("pw-alice"))
                let long = "a line that is longer than the terminal is wide, typed in part"
                try await terminal.typeWithoutReturn(long)
                #expect(await terminal.shows(/typed in\s+part/))
                _ = try await shell("printf 'see \\\\x1b this\\n' | \(relay.clientCommand("bob"))")
                let json = try await RawConnection(
                    port: relay.port,
                    saying: #"{"login":{"user":"carol","password":"pw-carol"}}"# + "\n"
                )
                try await json.send(#"{"publish":{"text":"a\n[bob]: forged \u202e"}}"# + "\n")
                #expect(await terminal.shows(/\[bob\]: see/))
                #expect(
                    await terminal.shows(
                        /\[carol\]: a\n\[carol\]: \[bob\]: forged \\u\{202E\}\n(\* .*\n)*> a line that is longer/
                    )
                )
                try await terminal.type(", and all")
                #expect(await json.says("\(long), and all"))
                #expect(await terminal.shows(/✓ a line that is longer/))
                try await terminal.type("exit")
                #expect(await terminal.shows(/Exiting\.\.\.\nleft 0/))
            }
        }
    }

    @Test func `a filter takes lines as they are, and commands when it is told to`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            let alice = relay.clientCommand("alice")
            let literal = try await shell("printf '/etc/fstab\\n//x\\n' | \(alice) --room dev")
            #expect(literal.exitCode == 0, "\(literal.output)")
            let commands = try await shell(
                "printf '/join dev\\n//slash\\n/msg bob alone\\n/who\\n/history 9\\n' | \(alice) --commands"
            )
            #expect(commands.exitCode == 0)
            #expect(commands.output.contains("* In #dev: alice.\n"))
            for text in ["/etc/fstab", "//x"] { #expect(commands.output.contains("#dev [alice]: \(text)\n")) }
            let carol = try await shell("echo /history | \(relay.clientCommand("carol")) --room dev --commands")
            #expect(carol.output.contains("#dev [alice]: /slash\n"))
            let bob = try await shell("printf '/history\\n' | \(relay.clientCommand("bob")) --room @alice --commands")
            #expect(bob.output.contains("[alice, to you]: alone\n"))
            // What follows a wrong command is not said in a room that it may not be meant for.
            let wrong = try await shell("printf '/join Dev\\nsecret\\n' | \(alice) --commands")
            #expect(wrong.exitCode == 65 && wrong.output.contains("line 1: 'Dev' can't be a name: "))
            let history = try await shell("printf '/history\\n' | \(alice) --commands --format json")
            #expect(history.output.contains(#""page":"#) && !history.output.contains("secret"))
        }
    }

    @Test func `at a terminal each own line is marked, and the prompt names the room`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            try await Terminal.with(directory) { terminal in
                try await terminal.run(relay.clientCommand("alice"))
                #expect(await terminal.shows(/Welcome, alice!.*\n>$/))
                try await terminal.type("hello")
                #expect(await terminal.shows(/\n✓ hello\n/))
                try await terminal.type("/join dev")
                #expect(await terminal.shows(/> \/join dev\n\* You are in #dev\.\n> #dev:$/))
                try await terminal.type("in dev")
                #expect(await terminal.shows(/\n✓ #dev: in dev\n/))
                try await terminal.type("/jion dev")
                #expect(await terminal.shows(/✗ #dev: \/jion dev\n\* \/jion is no command: \/help lists them/))
                try await terminal.type("/msg nobody hi")
                #expect(
                    await terminal.shows(/✗ #dev: \/msg nobody hi\n\* Not sent, since there is no account nobody: hi/)
                )
                relay.process.kill()
                #expect(await terminal.shows(/Server disconnected:/))
                try await terminal.type("typed meanwhile")
                #expect(await terminal.shows(/> #dev: typed meanwhile\n> #dev:$/))
                let again = try await RunningRelay.start(in: directory, port: relay.port)
                defer { again.process.kill() }
                #expect(await terminal.shows(/✓ #dev: typed meanwhile\n\* Connected again\.\n> #dev:$/))
                try await terminal.type("exit")
                #expect(await terminal.shows(/Exiting\.\.\./))
            }
        }
    }
}
