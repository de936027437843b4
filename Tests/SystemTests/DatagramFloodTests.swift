// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

/// A built device that is sent datagrams that mean it ill.
@Suite struct DatagramFloodTests {
    @Test func `a flood from one source is counted and skipped, and harms nothing else`() async throws {
        try await withTemporaryDirectory { directory in
            let port = UInt16.random(in: 20_000...30_000)
            let one = try device("one", ["--broadcast", "--broadcast-port", "\(port)"], in: directory)
            defer { one.kill() }
            #expect(await eventually { one.says(/listening at 0\.0\.0\.0:\d+/) })
            let place = try #require(one.output.firstMatch(of: /0\.0\.0\.0:(\d+)/)).1
            let id = try await shell("device id --state-dir \(directory)/one").output.prefix(36)
            let two = try device("two", ["--peer", "\(id)@127.0.0.1:\(place)"], in: directory)
            defer { two.kill() }
            #expect(await eventually { two.says("* connected to one ") && one.says("* connected to two ") })
            let before = try one.memory("VmRSS")
            try await withFlood(of: port) { flood in
                for number in 0..<20 {
                    let answer = try await shell("device ping one --state-dir \(directory)/two")
                    #expect(
                        answer.exitCode == 0 && answer.output.contains("one answered in"),
                        "\(number): \(answer.output)"
                    )
                    _ = try await shell("device set key \(number) --state-dir \(directory)/one")
                }
                #expect(await eventually { flood.sent > 100_000 })
            }
            let report = try await shell("device discovery --state-dir \(directory)/one").output
            let skipped = report.firstMatch(of: /(\d+) too many/).flatMap { Int($0.1) } ?? 0
            #expect(skipped > 1_000 && report.contains("of another protocol"), "\(report)")
            #expect(try one.memory("VmRSS") - before < 32_000)
            #expect(try await shell("device get key --state-dir \(directory)/two").output == "19")
            #expect(one.count("* connected to") == 1 && !one.says("* lost"))
        }
    }

    private func withFlood(of port: UInt16, _ body: (DatagramFlood) async throws -> Void) async throws {
        let flood = try await DatagramFlood(port: port)
        try await withThrowingTaskGroup { group in
            group.addTask { try await flood.run() }
            try await body(flood)
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private func device(_ name: String, _ options: [String], in directory: String) throws -> ProgramProcess {
        let names = ["--name", name, "--state-dir", "\(directory)/\(name)", "--listen", "0.0.0.0:0"]
        return try ProgramProcess("device", names + options)
    }
}

/// Sends datagrams of all kinds to a port of this machine, as many as it can.
private final class DatagramFlood: Sendable {
    private let channel: any Channel
    private let target: SocketAddress
    private let count = Atomic(0)

    init(port: UInt16) async throws {
        target = try SocketAddress(ipAddress: "127.0.0.1", port: Int(port))
        channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var sent: Int { count.load(ordering: .relaxed) }

    /// Runs until it is cancelled.
    func run() async throws {
        let packet: [UInt8] = [0, 0x12, 0x10, 0x25, 0x55, 0xF0, 0, 5] + Array("node1".utf8) + [0, 0, 0, 0]
        let kinds: [[UInt8]] = [
            [0], Array(packet.prefix(7)), packet, packet.prefix(6) + [0xFF, 0xFF], [UInt8](repeating: 0x41, count: 64),
            [UInt8](repeating: 0, count: 60_000), [],
        ]
        while !Task.isCancelled {
            for _ in 0..<20 {
                for bytes in kinds { channel.write(envelope(bytes), promise: nil) }
            }
            try await channel.writeAndFlush(envelope([0]))
            count.add(20 * kinds.count + 1, ordering: .relaxed)
        }
        try await channel.close()
    }

    private func envelope(_ bytes: [UInt8]) -> AddressedEnvelope<ByteBuffer> {
        AddressedEnvelope(remoteAddress: target, data: ByteBuffer(bytes: bytes))
    }
}
