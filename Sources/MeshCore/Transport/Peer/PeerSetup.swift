// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL
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
    case acceptor(address: String, place: HalfOpenGate.Place)

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

/// Keeps the connections from outside that are not admitted below a bound.
///
/// Where all places are taken, who has been there longest makes room: who means to greet is through in milliseconds, so
/// those who are silent keep out nobody but each other.
final class HalfOpenGate: Sendable {
    /// A connection's place, which it may leave several times.
    struct Place: Sendable {
        fileprivate let number: Int
        fileprivate let gate: HalfOpenGate

        func leave() {
            gate.state.withLock { state in state.guests.removeAll { $0.number == number } }
        }
    }

    private struct State {
        var last = 0
        var guests: [(number: Int, channel: any Channel)] = []
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    func enter(_ channel: any Channel) -> Place {
        let (number, leaver) = state.withLock { state in
            let leaver = state.guests.count < limit ? nil : state.guests.removeFirst().channel
            state.last += 1
            state.guests.append((state.last, channel))
            return (state.last, leaver)
        }
        if let leaver { Self.cutOff(leaver) }
        return Place(number: number, gate: self)
    }

    /// At once: TLS would wait for the other side's goodbye.
    private static func cutOff(_ channel: any Channel) {
        channel.eventLoop.execute {
            let tls = try? channel.pipeline.syncOperations.context(handlerType: NIOSSLServerHandler.self)
            if let tls { tls.close(promise: nil) } else { channel.close(promise: nil) }
        }
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
