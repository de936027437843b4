// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the earlier programs, and curl, say on the port of a built device.
@Suite struct DevicePortTests {
    @Test func `one port takes pings, the earlier program's JSON, and devices`() async throws {
        try await withDevice([]) { device, port in
            #expect(try await shell("curl -s http://127.0.0.1:\(port)/ping").output == "ok")
            let elsewhere = try await shell("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:\(port)/x")
            #expect(elsewhere.output == "404")
            func say(_ text: String) async throws -> String {
                try await shell("printf '%s' '\(text)' | nc -N -w 5 127.0.0.1 \(port)").output
            }
            #expect(try await say(#"{"Setvalue":{"key":"k","value":"v"}}"#).contains("Value set successful"))
            #expect(try await say(#"{"Getvalue":{"key":"k"}}"#) == #"{"ValueResponse":{"value":"v"}}"#)
            #expect(try await say(#"{"Getvalue":{"key":"x"}}"#) == #"{"ValueResponse":{"value":null}}"#)
            #expect(try await say(#""Heartbeat""#) == #""HeartbeatResponse""#)
            try device.type("get k")
            #expect(await eventually { device.says("\nv\n") })
        }
    }

    @Test func `a WebSocket is for who is known, and for who proves nothing where that is allowed`() async throws {
        let id = "7d444840-9dc0-41d1-b245-5ffdce74fad2"
        for (options, expected) in [([], "403"), (["--allow-plaintext-peers"], "101")] as [([String], String)] {
            try await withDevice(options) { _, port in
                for header in ["PeerID: \(id)", "PeerID: nobody", "X: y"] {
                    let answer = try await knock(port, header)
                    #expect(answer == "403")
                }
            } known: { _, port in
                let isAnswered = try await eventually {
                    try await announce(id)
                    return try await knock(port, "PeerID: \(id)") == expected
                }
                #expect(isAnswered)
            }
        }
        try await withDevice(["--allow-plaintext-peers", "--allow", "3f8f5dc6-59c2-85f0-b8b0-4696ac3c7080"]) { _, _ in
        } known: { device, port in
            try await announce(id)
            try device.type("discovery")
            #expect(await eventually { device.says(#/multicast 235\.5\.5\.11 +1 /#) })
            let answer = try await knock(port, "PeerID: \(id)")
            #expect(answer == "403")
        }
    }

    @Test func `the earlier p2p program's peers and a device talk, where that is allowed`() async throws {
        try await withDevice(["--allow-plaintext-peers"]) { _, _ in
        } known: { device, port in
            let id = "7d444840-9dc0-41d1-b245-5ffdce74fad2"
            try await isKnown(id, port)
            let hello = WebFrame.handshake().replacing("\r\n\r\n", with: "\r\nPeerID: \(id)\r\n\r\n")
            let peer = try await RawConnection(port: try #require(Int(port)), saying: hello)
            defer { peer.close() }
            #expect(await eventually { device.says("* 7d444840 (web) speaks by WebSocket from 127.0.0.1:") })
            // Field 1 is a time, field 2 the text.
            let message: [UInt8] = [0x0A, 0x02, 0x08, 0x01, 0x12, 0x02] + Array("hi".utf8)
            try await peer.send(bytes: WebFrame.masked(0x2, message))
            #expect(await eventually { device.says("7d444840 (web): hi\n") })
            try device.type("send 7d44 hello")
            #expect(await eventually { device.says("sent to 7d444840 (web), which confirms nothing\n") })
            let answer = Array("\u{12}\u{05}hello".utf8)
            #expect(
                await eventually {
                    WebFrame.all(in: peer.bytes).contains { $0.kind == 2 && $0.payload.suffix(7) == answer[...] }
                }
            )
            peer.close()
            #expect(await eventually { device.says("* 7d444840 (web) left\n") })
        }
    }

    @Test func `what is no message of the earlier program ends its WebSocket`() async throws {
        try await withDevice(["--allow-plaintext-peers"]) { _, _ in
        } known: { device, port in
            for (kind, payload) in [(0x2, [0xFF, 0xFF]), (0x1, Array("text".utf8))] as [(UInt8, [UInt8])] {
                let id = UUID().uuidString
                try await isKnown(id, port)
                let hello = WebFrame.handshake().replacing("\r\n\r\n", with: "\r\nPeerID: \(id)\r\n\r\n")
                let peer = try await RawConnection(port: try #require(Int(port)), saying: hello)
                try await peer.send(bytes: WebFrame.masked(kind, payload))
                #expect(await eventually { peer.hasEnded })
            }
            #expect(try await shell("curl -s http://127.0.0.1:\(port)/ping").output == "ok")
        }
    }

    @Test func `who proves an id that is known may speak by WebSocket under that id alone`() async throws {
        try await withNeighbors { _, port, directory in
            let garden = try await shell("device id --state-dir \(directory)/garden").output.prefix(36)
            let proof = "-k --cert \(directory)/garden/identity.crt --key \(directory)/garden/identity.key"
            #expect(try await shell("curl -s --http1.1 \(proof) https://127.0.0.1:\(port)/ping").output == "ok")
            for (id, code) in [("\(garden)", "101"), ("7d444840-9dc0-41d1-b245-5ffdce74fad2", "403")] {
                let answer = try await knock(port, "PeerID: \(id)", scheme: "https", proof)
                #expect(answer == code)
            }
            // A key that nobody knows.
            let stranger = try await shell("device id --state-dir \(directory)/stranger").output.prefix(36)
            let key = "-k --cert \(directory)/stranger/identity.crt --key \(directory)/stranger/identity.key"
            let answer = try await knock(port, "PeerID: \(stranger)", scheme: "https", key)
            #expect(answer == "403")
        }
    }

    @Test func `a device that is stopping says so to who pings it`() async throws {
        try await withNeighbors { devices, port, _ in
            // One that stands still takes no leave: it is waited for.
            devices.garden.signal(SIGSTOP)
            devices.kitchen.signal(SIGTERM)
            let isStopping = try await eventually {
                try await shell("curl -s -w ' %{http_code}' http://127.0.0.1:\(port)/ping").output == "stopping 503"
            }
            #expect(isStopping)
            devices.garden.signal(SIGCONT)
            #expect(await eventually { !devices.kitchen.isRunning })
        }
    }

    /// Runs two devices that are connected; gives the port of the kitchen's.
    private func withNeighbors(
        _ body: ((kitchen: ProgramProcess, garden: ProgramProcess), Substring, String) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            func device(_ name: String, _ options: [String]) throws -> ProgramProcess {
                let names = ["--name", name, "--state-dir", "\(directory)/\(name)", "--listen", "127.0.0.1:0"]
                return try ProgramProcess("device", names + options)
            }
            let kitchen = try device("kitchen", ["--master", "--udp-port", "0", "--accept-unlisted"])
            defer { kitchen.kill() }
            #expect(await eventually { kitchen.says(/listening at 127\.0\.0\.1:\d+/) })
            let port = try #require(kitchen.output.firstMatch(of: /127\.0\.0\.1:(\d+)/)).1
            let id = try await shell("device id --state-dir \(directory)/kitchen").output.prefix(36)
            let garden = try device("garden", ["--peer", "\(id)@127.0.0.1:\(port)"])
            defer { garden.kill() }
            #expect(await eventually { kitchen.says("* connected to garden ") })
            try await body((kitchen, garden), port, directory)
        }
    }

    /// Announces a peer of the earlier program until the device knows it.
    private func isKnown(_ id: String, _ port: Substring) async throws {
        let isKnown = try await eventually {
            try await announce(id)
            return try await knock(port, "PeerID: \(id)") == "101"
        }
        #expect(isKnown)
    }

    /// What the earlier program sends to the group, on this machine alone.
    private func announce(_ id: String) async throws {
        let script = """
            import socket, uuid
            way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            way.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            peer = bytes([0x0A, 0x12, 0x0A, 0x10]) + uuid.UUID("\(id)").bytes + bytes([0x10, 0xC1, 0x3E])
            way.sendto(peer, ("235.5.5.11", \(group)))
            """
        _ = try await shell("python3 -c '\(script)'")
    }

    /// The group's port, so that no other device is heard.
    private let group = UInt16.random(in: 20_000...30_000)

    /// The status of an answer to the wish for a WebSocket.
    private func knock(
        _ port: Substring,
        _ header: String,
        scheme: String = "http",
        _ proof: String = ""
    ) async throws -> String {
        let upgrade = """
            -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
            -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
            """
        let url = "\(scheme)://127.0.0.1:\(port)/ws"
        let command = "curl -s --http1.1 -m 2 -o /dev/null -w '%{http_code}' \(upgrade) \(proof) -H '\(header)' \(url)"
        return try await shell(command).output
    }

    /// Runs a device; `known` runs with one that hears announcements.
    private func withDevice(
        _ options: [String],
        _ body: (ProgramProcess, Substring) async throws -> Void,
        known: ((ProgramProcess, Substring) async throws -> Void)? = nil
    ) async throws {
        if let known {
            let multicast = ["--multicast-group", "235.5.5.11", "--multicast-port", "\(group)"]
            try await withDevice(options + multicast + ["--multicast-interface", "lo"], known)
        }
        try await withTemporaryDirectory { directory in
            let names = ["--name", "kitchen", "--state-dir", directory, "--master", "--udp-port", "0"]
            let device = try ProgramProcess("device", names + ["--listen", "127.0.0.1:0"] + options)
            defer { device.kill() }
            #expect(await eventually { device.says(/listening at 127\.0\.0\.1:\d+/) })
            try await body(device, try #require(device.output.firstMatch(of: /127\.0\.0\.1:(\d+)/)).1)
        }
    }
}
