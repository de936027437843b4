// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Built agents in network namespaces, which find each other without a server.
@Suite(.enabled(if: NetworkLab.isPossible, "needs the right to make network namespaces"))
struct DiscoveryProcessTests {
    @Test(arguments: [["--multicast"], ["--broadcast"], ["--multicast-group", "ff12::6d65"]])
    func `devices find those on their network and nobody else, also another on the same machine`(
        _ way: [String]
    )
        async throws
    {
        try await inLab { lab, directory in
            let one = try device("one", in: lab, 1, directory, way)
            let two = try device("two", in: lab, 2, directory, way)
            let three = try device("three", in: lab, 3, directory, way)
            let four = try device("four", in: lab, 4, directory, way)
            let twin = try device("twin", in: lab, 4, directory, way + ["--listen", "0.0.0.0:9010"])
            defer { for device in [one, two, three, four, twin] { device.kill() } }
            for (device, others) in [
                (one, ["two"]), (two, ["one"]), (three, ["four", "twin"]), (twin, ["three", "four"]),
            ] {
                for other in others { #expect(await eventually { device.says("* connected to \(other) ") }) }
            }
            for stranger in ["three", "four", "twin"] {
                #expect(!one.says(" \(stranger) (") && !two.says(" \(stranger) ("))
            }
        }
    }

    @Test func `a signaling server on a network has the devices there meet, and an address does alone`() async throws {
        try await inLab { lab, directory in
            let state = ["--state-dir", "\(directory)/signaling", "--port", "8080", "--admin-port", "0"]
            let server = try ProgramProcess(
                "signaling_server",
                ["--host", "10.77.1.1", "--enrollment", "open"] + state,
                namespace: lab.namespace(1)
            )
            defer { server.kill() }
            let listens = ["--signaling", "http://10.77.1.1:8080", "--listen", "0.0.0.0:9000"]
            let one = try device("one", in: lab, 1, directory, listens)
            let two = try device("two", in: lab, 2, directory, listens)
            defer { for device in [one, two] { device.kill() } }
            #expect(await eventually { one.says("* connected to two ") && two.says("* connected to one ") })

            let three = try device("three", in: lab, 3, directory, ["--master"])
            defer { three.kill() }
            #expect(await eventually { three.says("This is three") })
            let id = try await shell("device id --state-dir \(directory)/three").output.prefix(36)
            let four = try device("four", in: lab, 4, directory, ["--peer", "\(id)@10.77.2.1:9000"])
            defer { four.kill() }
            #expect(await eventually { four.says("* connected to three ") && three.says("* connected to four ") })
        }
    }

    @Test func `a scan finds the master of its network`() async throws {
        try await inLab { lab, directory in
            let master = try device("master", in: lab, 1, directory, ["--master"])
            defer { master.kill() }
            #expect(await eventually { master.says("This is master") })
            let slave = try device("slave", in: lab, 2, directory, ["--scan", "10.77.1.0/24:8880"])
            defer { slave.kill() }
            #expect(await eventually { slave.says("* connected to master ") && master.says("* connected to slave ") })
            #expect(await eventually { slave.says("* scan: all 254 addresses asked, 1 device found") })
        }
    }

    @Test func `what is set on both sides of a partition is the same everywhere when it has healed`() async throws {
        try await inLab { lab, directory in
            let quick = ["--multicast", "--announce-period", "300ms"]
            let one = try device("one", in: lab, 1, directory, quick)
            let two = try device("two", in: lab, 2, directory, quick)
            defer { for device in [one, two] { device.kill() } }
            #expect(await eventually { one.says("* connected to two ") && two.says("* connected to one ") })
            try one.type("set shared first")
            for device in [one, two] { try device.type("watch") }
            try await lab.link(2, .down)
            #expect(await eventually { one.says("* lost two ") && two.says("* lost one ") })
            for (device, name) in [(one, "one"), (two, "two")] {
                try device.type("set \(name) here")
                try device.type("set shared \(name)")
                let isHonest = try await eventually {
                    try device.type("master")
                    return device.says("this device is master")
                        && device.says("1 of 1 devices that are alive agree; 1 device is not reached")
                }
                #expect(isHonest)
            }
            try await lab.link(2, .up)
            #expect(await eventually { one.says("* two = here  (two)") && two.says("* one = here  (one)") })
            // The later one wins on both sides.
            #expect(await eventually { one.says("* shared = two  (two)") })
            try two.type("get shared")
            #expect(await eventually { two.says("\ntwo\n") })
            for device in [one, two] {
                let before = device.count("2 of 2 devices that are alive agree")
                let isAgreed = try await eventually {
                    try device.type("master")
                    return device.count("2 of 2 devices that are alive agree") > before
                }
                #expect(isAgreed)
            }
        }
    }

    @Test func `a device whose address changes is found at the new one, and a cable that was out heals`() async throws {
        try await inLab { lab, directory in
            let quick = ["--multicast", "--announce-period", "300ms"]
            let one = try device("one", in: lab, 1, directory, quick)
            let two = try device("two", in: lab, 2, directory, quick)
            defer { for device in [one, two] { device.kill() } }
            #expect(await eventually { one.says("* connected to two ") && two.says("* connected to one ") })
            try await lab.link(2, .down)
            #expect(await eventually { one.says("* lost two ") && two.says("* lost one ") })
            try await lab.link(2, .up)
            #expect(await eventually { one.count("* connected to two ") == 2 && two.count("* connected to one ") == 2 })
            try await lab.readdress(2, to: 77)
            #expect(await eventually { one.count("* connected to two ") == 3 })
            try one.type("peers")
            try one.type("send two still there")
            #expect(await eventually { two.says("one: still there") })
        }
    }

    private func inLab(_ body: (NetworkLab, String) async throws -> Void) async throws {
        try await NetworkLab.with { lab in
            try await withTemporaryDirectory { directory in try await body(lab, directory) }
        }
    }

    private func device(
        _ name: String,
        in lab: NetworkLab,
        _ host: Int,
        _ directory: String,
        _ more: [String]
    ) throws -> ProgramProcess {
        let names = ["--name", name, "--state-dir", "\(directory)/\(name)", "--heartbeat", "200ms"]
        return try ProgramProcess("device", names + more, namespace: lab.namespace(host))
    }
}
