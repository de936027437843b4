// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import Synchronization

/// What a device's transport tells.
///
/// Of one connection in order: greeted, messages, ended.
package enum PeerEvent: Sendable {
    case greeted(PeerLink, PeerGreeting)
    /// A device was dialed: what became of each attempt.
    case dialed(DeviceID, DialReport)
    /// A dial ended without a greeting.
    case dialFailed(DeviceID, DialFault)
    /// A connection from outside ended without a greeting: from which address, and why.
    case turnedAway(from: String, why: String)
    /// What came at once, and how long it is: ``PeerLink/taken(_:)`` makes room for more.
    case messages(connection: Int, [WirePeerMessage], size: Int)
    /// Somebody wants to speak by WebSocket; who may is opened, has said things, and is closed.
    case webKnock(WebKnock)
    case webOpened(WebPeer)
    case webText(Int, String)
    case webClosed(Int)
    /// What has become of a device that had a connection; nil when nothing is known of it any more.
    case life(DeviceID, MemberState?)
    /// The earlier key-value program asks for something.
    case asked(EarlierRequest, @Sendable (EarlierAnswer) -> Void)
    /// The ping with this token was answered.
    case answered(Int, roundTrip: TimeAmount)
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
    /// How much has gone through the connection.
    package let traffic: PeerTraffic
    private let handler: NIOLoopBound<PeerConnectionHandler>
    private let outgoing = PeerMailbox()

    init(
        id: DeviceID,
        facts: PeerConnectionFacts,
        address: String,
        handler: PeerConnectionHandler,
        on loop: any EventLoop
    ) {
        (self.id, self.facts, self.address, traffic) = (id, facts, address, handler.traffic)
        self.handler = NIOLoopBound(handler, eventLoop: loop)
    }

    package func admit() {
        onLoop { $0.admitted() }
    }

    /// Sends messages, if the connection still does.
    package func send(_ messages: [WirePeerMessage]) {
        guard outgoing.add(messages) else { return }
        onLoop { [outgoing] in $0.submit(outgoing.take()) }
    }

    /// Sends a message; on the connection's event loop before all that waits.
    func sendNow(_ message: WirePeerMessage) {
        if handler.eventLoop.inEventLoop { handler.value.submit([message]) } else { send([message]) }
    }

    /// So much of what came has been dealt with.
    package func taken(_ size: Int) {
        onLoop { $0.taken(size) }
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

/// Messages on their way to a connection's event loop, which takes all that are there at once.
private final class PeerMailbox: Sendable {
    private let messages = Mutex<[WirePeerMessage]>([])

    /// Whether there were none before.
    func add(_ new: [WirePeerMessage]) -> Bool {
        messages.withLock { messages in
            defer { messages += new }
            return messages.isEmpty
        }
    }

    func take() -> [WirePeerMessage] {
        messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }
}

/// What is known of a connection's way, which anybody may look at.
package final class PeerTraffic: Sendable {
    private let sentBytes = Atomic(0)
    private let receivedBytes = Atomic(0)
    /// In nanoseconds; 0 where none was measured.
    private let lastRoundTrip = Atomic(Int64(0))

    package var sent: Int { sentBytes.load(ordering: .relaxed) }
    package var received: Int { receivedBytes.load(ordering: .relaxed) }

    /// The last that was measured.
    package var roundTrip: TimeAmount? {
        let time = lastRoundTrip.load(ordering: .relaxed)
        return time == 0 ? nil : .nanoseconds(time)
    }

    func measured(_ roundTrip: TimeAmount) { lastRoundTrip.store(roundTrip.nanoseconds, ordering: .relaxed) }

    func count(sent bytes: Int) { sentBytes.add(bytes, ordering: .relaxed) }

    func count(received bytes: Int) { receivedBytes.add(bytes, ordering: .relaxed) }
}
