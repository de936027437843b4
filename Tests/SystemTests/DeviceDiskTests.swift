// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The built agent on a disk that is full.
@Suite(.enabled(if: SmallDisk.isPossible)) struct DeviceDiskTests {
    @Test func `a text that the disk can't take is not told as kept, and with room the next one is`() async throws {
        try await withTemporaryDirectory { directory in
            try await SmallDisk.with(mebibytes: 1) { disk in
                let garden = try ProgramProcess(
                    "device",
                    ["--name", "garden", "--state-dir", directory, "--listen", "127.0.0.1:0", "--accept-unlisted"]
                        + ["--master", "--udp-port", "0"]
                )
                defer { garden.kill() }
                #expect(await eventually { garden.says(/listening at 127\.0\.0\.1:\d+/) })
                let port = try #require(garden.output.firstMatch(of: /127\.0\.0\.1:(\d+)/)).1
                let id = try await shell("device id --state-dir \(directory)").output.prefix(36)
                let kitchen = try ProgramProcess(
                    "device",
                    ["--name", "kitchen", "--state-dir", "\(disk.path)/kitchen", "--listen", "127.0.0.1:0"]
                        + ["--peer", "\(id)@127.0.0.1:\(port)"]
                )
                defer { kitchen.kill() }
                #expect(await eventually { kitchen.says("* connected to garden ") })
                garden.kill()
                #expect(await eventually { kitchen.says("* lost garden ") })

                _ = try await shell("dd if=/dev/zero of=\(disk.path)/rest bs=1k")
                let send = "device send garden hello --state-dir \(disk.path)/kitchen"
                let refused = try await shell(send)
                #expect(refused.exitCode == 74)
                #expect(!refused.output.contains("is kept"))
                _ = try await shell("rm \(disk.path)/rest")
                let kept = try await shell(send)
                #expect(kept.exitCode == 75)
                #expect(kept.output.contains("garden is away: the text is kept until it is back"))
            }
        }
    }
}
