// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// Answers the probes of devices that scan.
package struct MasterSource: DiscoverySource {
    package static let port: UInt16 = 8_880

    private let id: DeviceID
    private let port: UInt16
    private let instance: UInt64
    private var limiter = RateLimiter(perHost: 50, overall: 1_000)
    package private(set) var counts = DatagramCounts()

    /// `port` is where `id` is reached by TCP.
    package init(id: DeviceID, port: UInt16, instance: UInt64) {
        (self.id, self.port, self.instance) = (id, port, instance)
    }

    package func announcement(from host: String) -> [UInt8] { [] }
    package mutating func started(at now: NIODeadline) -> [DiscoveryAction] { [] }
    package mutating func timerFired(at now: NIODeadline) -> [DiscoveryAction] { [] }

    package mutating func received(_ datagram: Datagram, at now: NIODeadline) -> [DiscoveryAction] {
        guard limiter.allows(datagram.source.host, at: now) else {
            counts.skip(.tooMany)
            return []
        }
        do {
            let probe = try ScanProbe(parsing: datagram.bytes)
            counts.accept()
            counts.answer()
            let answer = ScanAnswer(nonce: probe.nonce, port: port, id: id, instance: instance)
            return [.send(answer.bytes, to: datagram.source)]
        } catch {
            counts.skip(error)
            return []
        }
    }
}
