// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Logging
import MeshCore
import MeshProgram
import NIOCore
import TestSupport
import Testing

@testable import device

@Suite struct DiscoveryConfigurationTests {
    @Test func `without an option no datagram is sent, and the signaling server is asked`() async throws {
        let configuration = try await configuration([])
        #expect(!configuration.discovery.isUsed && configuration.signaling != nil)
        #expect(configuration.usualListen == Endpoint("127.0.0.1:9000"))
    }

    @Test func `with a way of its own a device needs no server, and can be reached from its networks`() async throws {
        let configuration = try await configuration(["--multicast", "--broadcast", "--announce-period", "5s"])
        #expect(configuration.signaling == nil)
        #expect(configuration.discovery.multicast == .init(period: .seconds(5)))
        #expect(configuration.discovery.broadcast?.port == 21_025)
        #expect(configuration.discovery.broadcast?.period == .seconds(5))
        #expect(configuration.usualListen == Endpoint("0.0.0.0:9000"))
        let both = try await self.configuration(["--multicast", "--signaling", "http://127.0.0.1:8080"])
        #expect(both.signaling != nil)
    }

    @Test func `the earlier program's file is understood`() async throws {
        try await withTemporaryDirectory { directory in
            let file = "\(directory)/config.yaml"
            try """
            explorer:
              multicast:
                address: 235.5.5.12
                port: 8002
                interface-name: eth0
              broadcast:
                address: 255.255.255.255
                port: 8001
              period: 20s
            websocket:
              port: 8003
            log-level: debug
            scan:
              - 192.168.1.0/24:8880
              - 10.0.0.1:8880-8881
            """.write(toFile: file, atomically: true, encoding: .utf8)
            let configuration = try await configuration(["--config", file])
            let discovery = configuration.discovery
            #expect(
                discovery.multicast
                    == .init(address: "235.5.5.12", port: 8_002, interfaces: ["eth0"], period: .seconds(20))
            )
            #expect(discovery.announcedBroadcast == .init(address: nil, port: 8_001, period: .seconds(20)))
            #expect(configuration.listen == Endpoint("0.0.0.0:8003"))
            #expect(configuration.logLevel == .debug)
            #expect(discovery.scan?.ranges.map(\.count) == [254, 2])
            let flag = try await self.configuration(["--config", file, "--multicast-port", "8009"])
            #expect(flag.discovery.multicast?.port == 8_009)
        }
    }

    @Test(arguments: [
        ["--scan", "8.8.8.0/24:1"], ["--scan", "10.0.0.0/8:1"], ["--multicast", "--announce-period", "1ms"],
    ])
    func `what would bother others is refused`(_ arguments: [String]) async {
        await #expect(throws: ProgramFailure.self) { try await configuration(arguments) }
    }

    @Test func `static peers and those that are allowed are named by their ids`() async throws {
        let id = "1b000000-0000-8000-8000-000000000001"
        let configuration = try await configuration(["--peer", "\(id)@192.0.2.7:9000", "--allow", id])
        #expect(configuration.discovery.peers.map(\.endpoint) == [try #require(Endpoint("192.0.2.7:9000"))])
        #expect(configuration.allowed?.map(\.description) == [id])
        #expect(StaticPeer(argument: "kitchen@192.0.2.7:9000") == nil && StaticPeer(argument: "\(id)@nowhere") == nil)
    }

    @Test func `people are told of a scan each second and at its end`() {
        var telling = ScanTelling()
        let start = NIODeadline.uptimeNanoseconds(0)
        #expect(telling.text(asked: 5, of: 600, found: 0, at: start) == nil)
        #expect(telling.text(asked: 400, of: 600, found: 0, at: start + .milliseconds(900)) == nil)
        let middle = telling.text(asked: 500, of: 600, found: 1, at: start + .seconds(1))
        #expect(middle == "* scan: 500 of 600 addresses asked, 1 device found")
        let end = telling.text(asked: 600, of: 600, found: 2, at: start + .seconds(2))
        #expect(end == "* scan: all 600 addresses asked, 2 devices found")
        // The next scan found as many.
        #expect(telling.text(asked: 5, of: 600, found: 0, at: start + .seconds(62)) == nil)
        #expect(telling.text(asked: 600, of: 600, found: 2, at: start + .seconds(63)) == nil)
    }

    private func configuration(_ arguments: [String]) async throws -> Configuration {
        try await Configuration(try RunOptions.parse(arguments))
    }
}
