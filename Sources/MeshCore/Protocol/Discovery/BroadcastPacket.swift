// SPDX-License-Identifier: Apache-2.0

/// The packet of Syncthing's first local discovery (2013), in network byte order.
///
/// ```
/// offset  size
///      0     4  00 12 10 25
///      4     2  TCP port
///      6     2  length L of the node id
///      8     L  node id
///    8+L     4  zero
/// ```
///
/// The four zero bytes are sent, and what follows the id is ignored.
package struct BroadcastPacket: Equatable, Sendable {
    package static let port: UInt16 = 21_025
    /// Longer ids are nobody's: those of devices have 36 bytes, and those of Syncthing's first version 52.
    package static let longestNode = 128

    package let port: UInt16
    package let node: String

    package init(port: UInt16, node: String) {
        (self.port, self.node) = (port, node)
    }

    package init(parsing bytes: [UInt8]) throws(DatagramFault) {
        if bytes.isEmpty { throw .empty }
        guard bytes.starts(with: Self.magic.prefix(bytes.count)) else { throw .wrongMagic }
        guard bytes.count >= Self.headLength else { throw .truncated }
        let length = Int(bytes[6]) << 8 | Int(bytes[7])
        guard length <= bytes.count - Self.headLength else { throw .truncated }
        guard (1...Self.longestNode).contains(length) else { throw .invalidValue }
        let id = bytes.dropFirst(Self.headLength).prefix(length)
        guard let node = String(validating: id, as: UTF8.self), node.printable == node else { throw .invalidValue }
        port = UInt16(bytes[4]) << 8 | UInt16(bytes[5])
        guard port > 0 else { throw .invalidValue }
        self.node = node
    }

    package var bytes: [UInt8] {
        let id = Array(node.utf8.prefix(Self.longestNode))
        let numbers = [port, UInt16(id.count)].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        return Self.magic + numbers + id + [0, 0, 0, 0]
    }

    private static let magic: [UInt8] = [0x00, 0x12, 0x10, 0x25]
    private static let headLength = 8
}
