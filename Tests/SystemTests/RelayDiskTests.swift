// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import SwiftProtobuf
import TestSupport
import Testing

/// The built relay on a disk that is full, and on one that can only be read.
@Suite(.enabled(if: SmallDisk.isPossible)) struct RelayDiskTests {
    @Test func `on a full disk nothing is acknowledged, what was is served, and with room it goes on`() async throws {
        try await SmallDisk.with(mebibytes: 2) { disk in
            let first = try await RunningRelay.start(in: disk.path)
            let alice = try await RawConnection(port: first.port, saying: Self.login)
            let accepted = try await Self.fill(alice)
            #expect(accepted > 0)
            #expect(first.process.log.contains("there is no room left for \(disk.path)/messages.sqlite"))
            #expect(try await Self.lastOfHistory(alice) == accepted)
            first.process.kill()

            let second = try await RunningRelay.start(in: disk.path, accounts: [])
            defer { second.process.kill() }
            let again = try await RawConnection(port: second.port, saying: Self.login)
            #expect(try await Self.lastOfHistory(again) == accepted)
            try await disk.resize(mebibytes: 16)
            try await again.send(#"{"publish":{"text":"there is room"}}"# + "\n")
            #expect(
                await again.says(#""room":"lobby","sequence":"\#(accepted + 1)","level":"STORED""#),
                "\(again.text)"
            )
        }
    }

    @Test func `from a disk that can only be read a relay serves what is there, and refuses what is new`() async throws
    {
        try await SmallDisk.with(mebibytes: 16) { disk in
            let first = try await RunningRelay.start(in: disk.path)
            let alice = try await RawConnection(port: first.port, saying: Self.login)
            try await alice.send(#"{"publish":{"text":"before"}}"# + "\n")
            #expect(await alice.says(#""accepted""#))
            first.process.signal(SIGTERM)
            #expect(await eventually { !first.process.isRunning })
            try await disk.makeReadOnly("messages.sqlite")

            let second = try await RunningRelay.start(in: disk.path, accounts: [])
            defer { second.process.kill() }
            let again = try await RawConnection(port: second.port, saying: Self.login)
            #expect(try await Self.lastOfHistory(again) == 1)
            try await again.send(#"{"publish":{"text":"after"}}"# + "\n")
            #expect(await again.says(#""reason":"NOT_STORED""#), "\(again.text)")
            #expect(second.process.log.contains("can't write to \(disk.path)/messages.sqlite"), "\(second.process.log)")
        }
    }

    private static let login = #"{"login":{"user":"alice","password":"pw-alice"}}"# + "\n"

    /// Publishes until the relay takes no more, and gives the number of what it took.
    private static func fill(_ writer: RawConnection) async throws -> UInt64 {
        let text = String(repeating: "x", count: 30_000)
        for number in 1...100 as ClosedRange<UInt64> {
            try await writer.send(#"{"publish":{"clientMessageId":"m\#(number)","text":"\#(text)"}}"# + "\n")
            try #require(await writer.says(#""clientMessageId":"m\#(number)""#))
            if writer.text.contains(#""reason":"NOT_STORED""#) { return number - 1 }
        }
        return 0
    }

    /// The number of the newest message that a page of the lobby's history has.
    private static func lastOfHistory(_ reader: RawConnection) async throws -> UInt64? {
        let before = reader.text.count
        try await reader.send(#"{"history":{"room":"lobby","before":"0","limit":1}}"# + "\n")
        try #require(
            await eventually { reader.text.dropFirst(before).contains(#"{"page""#) },
            "\(reader.text.suffix(200))"
        )
        let page = reader.text.split(separator: "\n").last { $0.hasPrefix(#"{"page""#) }
        return try page.flatMap { try WireRelayEvent(jsonString: String($0)).page.messages.last?.sequence }
    }
}

/// A file system of a few mebibytes, in memory.
struct SmallDisk {
    let path: String

    /// Whether this machine lets us mount one.
    static let isPossible: Bool = {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        let words = "d=$(mktemp -d) && mount -t tmpfs none $d && umount $d && rmdir $d"
        process.arguments = ["-c", "(\(words)) >/dev/null 2>&1"]
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// A disk that is there while `body` runs.
    static func with(mebibytes: Int, _ body: (SmallDisk) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let disk = SmallDisk(path: directory)
            try await disk.run("mount -t tmpfs -o size=\(mebibytes)m,mode=700 none \(directory)")
            let result: Result<Void, any Error>
            do { result = .success(try await body(disk)) } catch { result = .failure(error) }
            // Lazily: what was killed may not have ended yet.
            try await disk.run("umount --lazy --recursive \(directory)")
            try result.get()
        }
    }

    func resize(mebibytes: Int) async throws {
        try await run("mount -o remount,size=\(mebibytes)m \(path)")
    }

    /// For the superuser, too, whom a file's mode does not hold back.
    func makeReadOnly(_ file: String) async throws {
        try await run("cd \(path) && mount --bind \(file) \(file) && mount -o remount,bind,ro \(file)")
    }

    private func run(_ command: String) async throws {
        let result = try await shell(command)
        try #require(result.exitCode == 0, "\(command): \(result.output)")
    }
}
