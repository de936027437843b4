// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// What all connections of a device have in common.
struct PeerSetup: Sendable {
    var greeting: PeerGreeting
    let timing: PeerTiming
    let detection: FailureDetection
    /// Called on the connection's event loop; must not block.
    let report: @Sendable (PeerEvent) -> Void
}

/// Which side of a connection a handler is, and what only that side knows.
enum PeerRole {
    case dialer(PeerDial)
    case acceptor(address: String, gate: HalfOpenGate)

    var direction: PeerDirection {
        switch self {
        case .dialer: .outbound
        case .acceptor: .inbound
        }
    }

    /// The other side's address, for people.
    var address: String {
        switch self {
        case .dialer(let dial): dial.endpoint.description
        case .acceptor(let address, _): address
        }
    }
}

/// One attempt to reach a device at one address.
struct PeerDial {
    let id: DeviceID
    let attempt: DialPlan.Attempt
    let index: Int
    let race: DialRace

    var endpoint: Endpoint { attempt.path.endpoint }

    /// The device has proven its id; false if another attempt was faster.
    func proved() -> Bool { race.proved(index) }

    func failed(_ fault: DialFault) { race.failed(index, fault) }
}

/// Counts the connections from outside that are not admitted, and keeps them below a bound.
final class HalfOpenGate: Sendable {
    private let limit: Int
    private let count = Mutex(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// False if there is no room.
    ///
    /// Otherwise ``leave()`` is to be called once.
    func enter() -> Bool {
        count.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    func leave() {
        count.withLock { $0 -= 1 }
    }
}

/// Why a connection ended before TLS had proven who is at its other end.
enum SecuringFault: Error, Equatable, CustomStringConvertible {
    case tooSlow
    case noTLS
    case otherProtocol
    case noProof
    case unusableCertificate(String)
    case otherDevice(DeviceID)

    var description: String {
        switch self {
        case .tooSlow: "TLS took too long"
        case .noTLS: "TLS failed"
        case .otherProtocol: "it speaks another protocol inside TLS"
        case .noProof: "it resumed a session of TLS, which proves nothing"
        case .unusableCertificate(let reason): reason
        case .otherDevice(let id): "it is another device (\(id.short))"
        }
    }

    func dialFault(at endpoint: Endpoint) -> DialFault {
        switch self {
        case .otherDevice(let id): .otherDevice(endpoint, id)
        case .tooSlow, .noTLS, .otherProtocol, .noProof, .unusableCertificate: .notProven(endpoint, description)
        }
    }
}
