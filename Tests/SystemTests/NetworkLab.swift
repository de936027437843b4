// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Network namespaces on two networks, each a bridge: real hosts on real local networks, as far as a program can tell.
///
/// Hosts 1 and 2 are on 10.77.1.0/24, hosts 3 and 4 on 10.77.2.0/24.
final class NetworkLab {
    private let name: String

    private init(name: String) {
        self.name = name
    }

    /// Whether this machine lets us make namespaces.
    static let isPossible: Bool = {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        let words =
            "ip netns add mesh-try && ip netns del mesh-try && ip link add mesh-try type bridge && ip link del mesh-try"
        process.arguments = ["-c", "(\(words)) >/dev/null 2>&1"]
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// A lab that is there while `body` runs.
    static func with(_ body: (NetworkLab) async throws -> Void) async throws {
        let lab = NetworkLab(name: "m\(UInt16.random(in: .min ... .max))")
        do {
            try await lab.build()
            try await body(lab)
        } catch {
            try await lab.tearDown()
            throw error
        }
        try await lab.tearDown()
    }

    func namespace(_ host: Int) -> String { "\(name)h\(host)" }

    /// Takes a host's cable out, or puts it in again.
    func link(_ host: Int, _ state: LinkState) async throws {
        try await run("ip link set \(name)v\(host) \(state.rawValue)")
    }

    enum LinkState: String {
        case up
        case down
    }

    /// Gives a host another address on its network.
    func readdress(_ host: Int, to last: Int) async throws {
        let network = (host + 1) / 2
        let old = (host + 1) % 2 + 1
        let namespace = namespace(host)
        try await run("ip -n \(namespace) addr add 10.77.\(network).\(last)/24 dev eth0")
        try await run("ip -n \(namespace) addr del 10.77.\(network).\(old)/24 dev eth0")
        // The kernel drops the second address with the first unless it is told to keep it.
        try await run("ip -n \(namespace) addr replace 10.77.\(network).\(last)/24 dev eth0")
    }

    private func build() async throws {
        for network in 1...2 {
            try await run("ip link add \(name)b\(network) type bridge && ip link set \(name)b\(network) up")
        }
        for host in 1...4 {
            let (network, last, namespace) = ((host + 1) / 2, (host + 1) % 2 + 1, namespace(host))
            try await run(
                """
                ip netns add \(namespace) && ip -n \(namespace) link set lo up \
                && ip link add \(name)v\(host) type veth peer name eth0 netns \(namespace) \
                && ip link set \(name)v\(host) master \(name)b\(network) up \
                && ip -n \(namespace) addr add 10.77.\(network).\(last)/24 dev eth0 && ip -n \(namespace) link set eth0 up
                """
            )
        }
    }

    private func tearDown() async throws {
        for host in 1...4 { _ = try await shell("ip netns del \(namespace(host))") }
        for network in 1...2 { _ = try await shell("ip link del \(name)b\(network)") }
    }

    private func run(_ command: String) async throws {
        let result = try await shell(command)
        try #require(result.exitCode == 0, "\(command): \(result.output)")
    }
}
