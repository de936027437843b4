// SPDX-License-Identifier: Apache-2.0

/// What makes an answer to a probe belong to it.
package struct ScanNonce: Hashable, Sendable {
    fileprivate let high: UInt64
    fileprivate let low: UInt64

    package init(using generator: inout some RandomNumberGenerator) {
        (high, low) = (generator.next(), generator.next())
    }

    fileprivate init(_ bytes: ArraySlice<UInt8>) {
        (high, low) = (UInt64(bigEndian: bytes.prefix(8)), UInt64(bigEndian: bytes.dropFirst(8).prefix(8)))
    }

    fileprivate var bytes: [UInt8] { high.bigEndianBytes + low.bigEndianBytes }
}

/// The question of a scan, 64 bytes: `MESH`, `?`, version 1, two zero bytes, the nonce (16), and zeros.
///
/// It is longer than its answer, so that nobody can use who answers to send more than came.
package struct ScanProbe: Equatable, Sendable {
    package static let length = 64

    package let nonce: ScanNonce

    package init(nonce: ScanNonce) {
        self.nonce = nonce
    }

    package init(parsing bytes: [UInt8]) throws(DatagramFault) {
        try checkHead(bytes, question)
        if bytes.count < Self.length { throw .truncated }
        if bytes.count > Self.length { throw .tooLong }
        nonce = ScanNonce(bytes[8..<24])
    }

    package var bytes: [UInt8] {
        question + [0, 0] + nonce.bytes + [UInt8](repeating: 0, count: Self.length - 24)
    }
}

/// The answer, 48 bytes: `MESH`, `!`, version 1, the TCP port (2), the probe's nonce (16), the device's id (16) and its
/// instance (8), in network byte order.
///
/// The address is that of the datagram: an answer can't point at another machine.
package struct ScanAnswer: Equatable, Sendable {
    package static let length = 48

    package let nonce: ScanNonce
    package let port: UInt16
    package let id: DeviceID
    package let instance: UInt64

    package init(nonce: ScanNonce, port: UInt16, id: DeviceID, instance: UInt64) {
        (self.nonce, self.port, self.id, self.instance) = (nonce, port, id, instance)
    }

    package init(parsing bytes: [UInt8]) throws(DatagramFault) {
        try checkHead(bytes, answer)
        if bytes.count < Self.length { throw .truncated }
        if bytes.count > Self.length { throw .tooLong }
        port = UInt16(bytes[6]) << 8 | UInt16(bytes[7])
        guard port > 0, let id = DeviceID(bytes: bytes[24..<40]) else { throw .invalidValue }
        nonce = ScanNonce(bytes[8..<24])
        self.id = id
        instance = UInt64(bigEndian: bytes[40..<48])
    }

    package var bytes: [UInt8] {
        answer + [UInt8(port >> 8), UInt8(port & 0xFF)] + nonce.bytes + id.bytes + instance.bigEndianBytes
    }
}

private let question = Array("MESH?".utf8) + [1]
private let answer = Array("MESH!".utf8) + [1]

private func checkHead(_ bytes: [UInt8], _ head: [UInt8]) throws(DatagramFault) {
    if bytes.isEmpty { throw .empty }
    guard bytes.starts(with: head.prefix(bytes.count)) else { throw .wrongMagic }
}

extension UInt64 {
    /// Of at most eight bytes, the first the highest.
    init(bigEndian bytes: some Sequence<UInt8>) {
        self = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    var bigEndianBytes: [UInt8] { (0..<8).reversed().map { UInt8(truncatingIfNeeded: self >> (8 * UInt64($0))) } }
}
