// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import NIOCore
import SwiftProtobuf

/// What a device's transport tells.
///
/// Of one connection in order: greeted, texts and what became of texts, ended.
package enum PeerEvent: Sendable {
    case greeted(PeerLink, PeerGreeting)
    /// A dial ended without a greeting.
    case dialFailed(DeviceID, DialFault)
    /// A connection from outside ended without a greeting: from which address, and why.
    case turnedAway(from: String, why: String)
    /// A text to be shown; ``PeerLink/textShown()`` says that it was.
    case text(connection: Int, String)
    case delivered(Int)
    /// The connection takes no texts any more, and did not send this one.
    case notSent(Int, connection: Int)
    case notDelivered(Int)
    /// A heartbeat was answered, or the ping with this token.
    case answered(Int?, connection: Int, roundTrip: TimeAmount)
    case unanswered(Int)
    /// The last event of a connection that greeted.
    case ended(connection: Int, PeerEnd)
}

/// A connection that greeted, for who decides about it.
///
/// Its methods may be called anywhere, also after its end.
package struct PeerLink: Sendable {
    /// Who is at the other end, as TLS has proven.
    package let id: DeviceID
    package let facts: PeerConnectionFacts
    /// The other end's address, for people.
    package let address: String
    private let handler: NIOLoopBound<PeerConnectionHandler>

    init(id: DeviceID, facts: PeerConnectionFacts, address: String, handler: NIOLoopBound<PeerConnectionHandler>) {
        (self.id, self.facts, self.address, self.handler) = (id, facts, address, handler)
    }

    package func admit() {
        onLoop { $0.admitted() }
    }

    /// Sends a text that keeps to ``PeerLimits``; what becomes of it is reported with `token`.
    package func submit(_ text: String, token: Int) {
        onLoop { $0.handle { $0.textSubmitted(text, token: token, sent: .init(date: .now), at: .now()) } }
    }

    package func textShown() {
        onLoop { $0.handle { $0.textShown(at: .now()) } }
    }

    /// Measures a round trip, and reports it with `token`.
    package func ping(token: Int) {
        onLoop { $0.handle { $0.pingRequested(token: token, at: .now()) } }
    }

    package func close(_ reason: WireGoodbye.Reason) {
        onLoop { $0.handle { $0.closeRequested(reason, at: .now()) } }
    }

    private func onLoop(_ body: @escaping @Sendable (PeerConnectionHandler) -> Void) {
        handler.eventLoop.execute { body(handler.value) }
    }
}
