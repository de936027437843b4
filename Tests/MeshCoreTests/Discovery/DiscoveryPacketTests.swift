// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport
import Testing

@Suite struct BroadcastPacketTests {
    private let bytes: [UInt8] = [
        0x00, 0x12, 0x10, 0x25, 0x55, 0xF0, 0x00, 0x05, 0x6E, 0x6F, 0x64, 0x65, 0x31, 0, 0, 0, 0,
    ]

    @Test func `a packet is byte for byte that of Syncthing's first version`() throws {
        #expect(BroadcastPacket(port: 22_000, node: "node1").bytes == bytes)
        #expect(try BroadcastPacket(parsing: bytes) == BroadcastPacket(port: 22_000, node: "node1"))
    }

    @Test func `what follows the id is ignored, also where it is missing`() throws {
        #expect(try BroadcastPacket(parsing: Array(bytes.prefix(13))).node == "node1")
        #expect(try BroadcastPacket(parsing: bytes + [1, 2, 3]).node == "node1")
    }

    @Test(
        arguments: [
            ([], DatagramFault.empty),
            ([0x00, 0x12], .truncated),
            ([0x00, 0x12, 0x10, 0x26, 0x55, 0xF0, 0, 1, 0x61], .wrongMagic),
            ([0x00, 0x12, 0x10, 0x25, 0x55, 0xF0, 0, 2, 0x61], .truncated),
            ([0x00, 0x12, 0x10, 0x25, 0x55, 0xF0, 0xFF, 0xFF, 0x61], .truncated),
            ([0x00, 0x12, 0x10, 0x25, 0x55, 0xF0, 0, 0], .invalidValue),
            ([0x00, 0x12, 0x10, 0x25, 0x00, 0x00, 0, 1, 0x61], .invalidValue),
            ([0x00, 0x12, 0x10, 0x25, 0x55, 0xF0, 0, 1, 0x1B], .invalidValue),
            ([0x00, 0x12, 0x10, 0x25, 0x55, 0xF0, 0, 1, 0xFF], .invalidValue),
        ] as [([UInt8], DatagramFault)]
    )
    func `a packet that is none is told what it is`(_ bytes: [UInt8], _ fault: DatagramFault) {
        #expect(throws: fault) { try BroadcastPacket(parsing: bytes) }
    }

    @Test func `no variant of a packet is taken for more than it holds`() {
        for variant in hostileVariants(of: bytes) {
            guard let packet = try? BroadcastPacket(parsing: variant) else { continue }
            #expect(packet.node.utf8.count <= variant.count - 8 && packet.port > 0)
        }
    }
}

@Suite struct AnnouncementTests {
    private let kit: DiscoveryKit

    init() throws { kit = try DiscoveryKit() }

    /// Written by hand after the earlier program's fields: the UUID in field 1, the port 8001 in field 2, the address in
    /// field 4 and, as field 5, whether it is public.
    private var earlier: [UInt8] {
        [0x0A, 0x12, 0x0A, 0x10] + kit.other.bytes + [0x10, 0xC1, 0x3E, 0x22, 0x09] + Array("192.0.2.7".utf8)
            + [0x28, 0x01]
    }

    @Test func `the earlier program's message is understood`() throws {
        let announcement = try Announcement(parsing: earlier)
        #expect(announcement == Announcement(id: kit.other, port: 8_001))
    }

    @Test func `ours has the earlier program's fields byte for byte, and then our own`() throws {
        var ours = Announcement(id: kit.other, port: 8_001)
        #expect(ours.bytes(from: "192.0.2.7") == Array(earlier.dropLast(2)))
        (ours.name, ours.instance, ours.isAnswer) = ("kitchen", 7, true)
        let bytes = ours.bytes(from: "192.0.2.7")
        #expect(bytes.starts(with: earlier.dropLast(2)))
        #expect(
            Array(bytes.dropFirst(earlier.count - 2))
                == [0x32, 7] + Array("kitchen".utf8) + [0x39, 7, 0, 0, 0, 0, 0, 0, 0, 0x40, 1]
        )
        #expect(try Announcement(parsing: bytes) == ours)
    }

    @Test func `an id that no key can prove, a port that is none, and a name that steers terminals are refused`() throws
    {
        var foreign = earlier
        foreign[4 + 6] = 0x40
        #expect(throws: DatagramFault.invalidValue) { try Announcement(parsing: foreign) }
        #expect(throws: DatagramFault.empty) { try Announcement(parsing: []) }
        #expect(throws: DatagramFault.malformed) { try Announcement(parsing: [0x0A, 0xFF, 0xFF, 0xFF]) }
        #expect(throws: DatagramFault.invalidValue) { try Announcement(parsing: Array(earlier.prefix(20))) }
        var steering = Announcement(id: kit.other, port: 1)
        steering.name = "a\u{1B}[2J"
        #expect(throws: DatagramFault.invalidValue) { try Announcement(parsing: steering.bytes(from: "")) }
    }

    @Test func `no variant of a message is taken for more than it is`() {
        for variant in hostileVariants(of: earlier) {
            guard let announcement = try? Announcement(parsing: variant) else { continue }
            #expect(announcement.port > 0)
        }
    }
}

@Suite struct ScanPacketTests {
    private let kit: DiscoveryKit
    private var generator = SeededGenerator(seed: 1)

    init() throws { kit = try DiscoveryKit() }

    @Test mutating func `a probe and its answer have the layout that is written down`() throws {
        let nonce = ScanNonce(using: &generator)
        let probe = ScanProbe(nonce: nonce).bytes
        #expect(probe.count == 64 && Array(probe.prefix(8)) == Array("MESH?".utf8) + [1, 0, 0])
        #expect(probe.dropFirst(24).allSatisfy { $0 == 0 })
        let answer = ScanAnswer(nonce: nonce, port: 9_000, id: kit.other, instance: 7).bytes
        #expect(Array(answer.prefix(8)) == Array("MESH!".utf8) + [1, 0x23, 0x28])
        #expect(Array(answer[8..<24]) == Array(probe[8..<24]))
        #expect(Array(answer[24...]) == kit.other.bytes + [0, 0, 0, 0, 0, 0, 0, 7])
        #expect(answer.count == 48)
    }

    @Test mutating func `an answer is never longer than its probe, and comes back as it was sent`() throws {
        let nonce = ScanNonce(using: &generator)
        let answer = ScanAnswer(nonce: nonce, port: 9_000, id: kit.other, instance: 7)
        #expect(try ScanAnswer(parsing: answer.bytes) == answer)
        #expect(try ScanProbe(parsing: ScanProbe(nonce: nonce).bytes).nonce == nonce)
        #expect(answer.bytes.count <= ScanProbe.length)
    }

    @Test mutating func `no variant of a probe or an answer does harm`() {
        let nonce = ScanNonce(using: &generator)
        for variant in hostileVariants(of: ScanProbe(nonce: nonce).bytes) where variant.count != 64 {
            #expect((try? ScanProbe(parsing: variant)) == nil)
        }
        let answer = ScanAnswer(nonce: nonce, port: 9_000, id: kit.other, instance: 7)
        for variant in hostileVariants(of: answer.bytes) {
            guard let parsed = try? ScanAnswer(parsing: variant) else { continue }
            #expect(parsed.port > 0 && variant.count == 48)
        }
    }
}

@Suite struct ScanRangeTests {
    @Test(arguments: [
        ("192.168.1.0/24:8880-8885", 254 * 6), ("10.0.0.7:8880", 1), ("10.0.0.0/30:1", 2), ("10.0.0.0/31:1", 2),
        ("10.0.0.0/32:1-2", 2), ("127.0.0.1:65535", 1),
    ])
    func `a range has as many addresses as it names`(_ text: String, _ count: Int) throws {
        #expect(try #require(ScanRange(text)).count == count)
    }

    @Test(arguments: [
        "", ":", "192.168.1.0/24", "192.168.1.0/24:", "192.168.1.0/24:0", "192.168.1.0/24:9-8", "192.168.1.0/33:1",
        "192.168.1.256:1", "192.168.1:1", "::1:1", "192.168.1.0/7:1", "host:1", "1.2.3.4:1-65536", "1.2.3.4:+1",
        "1.2.3.4/:1", "1.2.3.4:1-2-3",
    ])
    func `what is no range is refused`(_ text: String) {
        #expect(ScanRange(text) == nil)
    }

    @Test func `a range is private if all of it is`() {
        for text in ["10.0.0.0/8:1", "172.16.0.0/12:1", "192.168.0.0/16:1", "127.0.0.1:1", "169.254.1.0/24:1"] {
            #expect(ScanRange(text)?.isPrivate == true, "\(text)")
        }
        for text in ["8.8.8.8:1", "172.16.0.0/11:1", "192.168.0.0/15:1", "100.64.0.0/10:1", "172.32.0.1:1"] {
            #expect(ScanRange(text)?.isPrivate == false, "\(text)")
        }
    }
}

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.254", 24, true), ("192.0.2.1", "192.0.3.1", 24, false),
        ("192.0.2.1", "192.0.3.1", 23, true), ("fd00::1", "fd00::2", 64, true), ("fd00::1", "fd00:1::1", 32, false),
        ("::ffff:10.0.0.1", "10.0.0.2", 30, true), ("10.0.0.1", "::1", 0, false), ("10.0.0.1", "11.0.0.1", 0, true),
    ])
    func `two addresses are on one network or not`(_ one: String, _ other: String, _ bits: Int, _ isSame: Bool) throws {
        let (one, other) = (try #require(IPAddress(one)), try #require(IPAddress(other)))
        #expect(one.sharesNetwork(with: other, bits: bits) == isSame)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.a", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "12345::",
        "1:2:3:4:5:6:7:8:9", "g::1", "1.2.3.4::1", "::1.2.3",
    ])
    func `what is no address is refused`(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `addresses are known for what they are of use for`() throws {
        for text in [
            "10.1.2.3", "172.31.0.1", "192.168.9.9", "127.0.0.1", "::1", "fe80::1%eth0", "fd12::1", "169.254.0.1",
        ] {
            #expect(try #require(IPAddress(text)).isPrivate, "\(text)")
        }
        for text in ["8.8.8.8", "2001:db8::1", "172.32.0.1", "::"] {
            #expect(try !#require(IPAddress(text)).isPrivate, "\(text)")
        }
        #expect(IPAddress("255.255.254.0")?.leadingOnes == 23)
        #expect(IPAddress("10.77.0.1")?.broadcast(bits: 24) == "10.77.0.255")
        #expect(IPAddress("10.77.9.1")?.broadcast(bits: 13) == "10.79.255.255")
        #expect(IPAddress("10.77.0.1")?.broadcast(bits: 31) == nil && IPAddress("::1")?.broadcast(bits: 24) == nil)
        #expect(IPAddress("1:2::8")?.bytes == [0, 1, 0, 2] + [UInt8](repeating: 0, count: 11) + [8])
    }
}
