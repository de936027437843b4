// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport
import Testing

/// Devices, addresses and times for the tests of discovery.
struct DiscoveryKit {
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    let own: DeviceID
    let other: DeviceID
    let third: DeviceID

    init() throws {
        own = try #require(DeviceID("0a000000-0000-8000-8000-000000000000"))
        other = try #require(DeviceID("1b000000-0000-8000-8000-000000000001"))
        third = try #require(DeviceID("2c000000-0000-8000-8000-000000000002"))
    }

    func datagram(
        _ bytes: [UInt8],
        from host: String = "192.0.2.7",
        port: UInt16 = 4_000,
        toAll: Bool = true
    ) throws
        -> Datagram
    {
        Datagram(bytes: bytes, source: try #require(Endpoint(host: host, port: port)), isToAll: toAll)
    }

    func endpoint(_ text: String) throws -> Endpoint { try #require(Endpoint(text)) }

    /// The `number`th of many devices.
    static func device(_ number: Int) throws -> DeviceID {
        let digits = String(number, radix: 16)
        let padded = String(repeating: "0", count: 12 - digits.count) + digits
        return try #require(DeviceID("00000000-0000-8000-8000-\(padded)"))
    }
}

/// What no decoder of datagrams may be harmed by: each beginning of `valid`, and `valid` with each of its bytes at 0, 1
/// and 255, and much more than there should be.
func hostileVariants(of valid: [UInt8]) -> [[UInt8]] {
    let truncated = valid.indices.map { Array(valid[..<$0]) }
    let changed = valid.indices.flatMap { index in
        [UInt8(0), 1, 0x7F, 0x80, 255].map { byte in
            var bytes = valid
            bytes[index] = byte
            return bytes
        }
    }
    let long = [valid + [UInt8](repeating: 0, count: 65_000), [UInt8](repeating: 255, count: 65_507)]
    return truncated + changed + long
}
