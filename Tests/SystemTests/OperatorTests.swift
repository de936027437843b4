// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The built relay, as its operator sees it.
@Suite struct OperatorTests {
    @Test func `the operator sees rooms, people and messages, and can end a session`() async throws {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory)
            defer { relay.process.kill() }
            let login = #"{"login":{"user":"alice","password":"pw-alice","session":"s"}}"# + "\n"
            let alice = try await RawConnection(port: relay.port, saying: login)
            try await alice.send(#"{"join":{"room":"dev"}}"# + "\n" + #"{"publish":{"room":"dev","text":"hi"}}"# + "\n")
            #expect(await alice.says(#""accepted""#))
            let ask = { (command: String) in try await shell("tcp_server \(command) --state-dir \(directory) 2>&1") }
            let rooms = try await ask("rooms").output
            #expect(rooms.firstMatch(of: /dev +1 +1 +1 +1 +1 KiB\n/) != nil, "\(rooms)")
            let who = try await ask("who dev").output
            #expect(who.firstMatch(of: /alice +127\.0\.0\.1:\d+ +json .* lobby @alice dev\n/) != nil, "\(who)")
            let elsewhere = try await ask("who elsewhere")
            #expect(elsewhere.exitCode == 65 && elsewhere.output.contains("there is no room elsewhere"))
            #expect(
                try await ask("history dev --format json").output.contains(
                    #""sender":"alice","sequence":1,"text":"hi""#
                )
            )
            let nowhere = try await ask("history nowhere")
            #expect(nowhere.exitCode == 65 && nowhere.output.contains("there is no room nowhere"))
            let nobody = try await ask("kick nobody")
            #expect(nobody.exitCode == 65 && nobody.output.contains("there is no account nobody"))
            let ticket = try #require(alice.text.firstMatch(of: /"ticket":"([^"]+)"/)?.1)
            #expect(try await ask("kick alice").output == "Ended 1 session of alice.\n")
            #expect(await alice.says(#""reason":"KICKED""#))
            let again = try await RawConnection(
                port: relay.port,
                saying: #"{"login":{"ticket":"\#(ticket)","session":"s"}}"# + "\n"
            )
            #expect(await again.says(#""reason":"INVALID_TICKET""#))
        }
    }

    @Test func `without a relay that runs the operator is told so`() async throws {
        try await withTemporaryDirectory { directory in
            let answer = try await shell("tcp_server rooms --state-dir \(directory) 2>&1")
            #expect(answer.exitCode == 69 && answer.output.contains("no tcp_server runs with \(directory)"))
        }
    }

    @Test func `the operator's port has health, readiness and figures for whoever is on this machine, and no more`()
        async throws
    {
        try await withTemporaryDirectory { directory in
            let relay = try await RunningRelay.start(in: directory, ["--admin-port", "0"])
            defer { relay.process.kill() }
            #expect(await eventually { relay.process.log.contains("admin=127.0.0.1:") })
            let port = try #require(relay.process.log.firstMatch(of: /admin=127\.0\.0\.1:(\d+)/)?.1)
            let get = { (path: String) in
                try await shell("curl -s -w '%{http_code}' http://127.0.0.1:\(port)/\(path)").output
            }
            #expect(try await get("healthz") == "ok\n200")
            #expect(try await get("readyz") == "ready\n200")
            let alice = try await RawConnection(
                port: relay.port,
                saying: #"{"login":{"user":"alice","password":"pw-alice"}}"# + "\n"
            )
            let bob = try await RawConnection(port: relay.port, saying: "bob\npw-bob\n")
            #expect(await bob.says("Message history:"))
            try await alice.send(#"{"publish":{"text":"hi"}}"# + "\n")
            #expect(await bob.says("[alice]: hi"))
            let metrics = try await get("metrics")
            for line in [
                "tcp_server_messages_total 1", "tcp_server_deliveries_total 1",
                #"tcp_server_connections{dialect="json"} 1"#, #"tcp_server_connections{dialect="lines"} 1"#,
                #"tcp_server_connections{dialect="unknown"} 0"#, "tcp_server_login_queue_seconds_count 2",
                "tcp_server_store_seconds_count 1", "tcp_server_route_seconds_count 1",
                #"tcp_server_refusals_total{cause="throttled"} 0"#,
            ] {
                #expect(metrics.contains("\(line)\n"), "\(metrics)")
            }
            for name in [
                "process_resident_memory_bytes", "tcp_server_received_bytes_total", "tcp_server_sent_bytes_total",
            ] {
                #expect(metrics.firstMatch(of: try Regex("\(name) [1-9]")) != nil, "\(metrics)")
            }
            #expect(
                await eventually {
                    (try? await get("metrics").contains("tcp_server_loop_lag_seconds_count 0")) == false
                }
            )
            for path in ["rooms", "clients", "rooms/lobby/history"] {
                #expect(try await get(path).hasSuffix("401"))
            }
        }
    }
}
