// SPDX-License-Identifier: Apache-2.0

import DequeModule
import SwiftProtobuf

/// One side's conversation with another device, which survives its connections: each text arrives once.
///
/// ```
/// one                                      the other
/// resume: I have your texts up to 7   ↔    resume               on each new connection
/// texts 8, 9, …                       →
///                                     ←    acknowledgement 9    shown, and noted on the disk
/// ```
///
/// The texts of one run of a program (its instance) are numbered from 1. What a run leaves unacknowledged is kept on the
/// disk, and the next run numbers it anew, without what the other side then says that it has.
package struct PeerSession: Equatable, Sendable {
    package enum Action: Equatable, Sendable {
        case send(WirePeerMessage)
        /// A text is to be shown.
        case show(String)
        /// What was received is to be noted on the disk.
        case note(ReceivedTexts)
        /// The texts up to this number are to be acknowledged, when they were shown and noted; a higher number counts for
        /// those before.
        case acknowledge(UInt64)
        /// The texts of this side with these tokens were shown; nil for one that an earlier run has kept.
        case delivered([Int?])
        /// These are the texts to be kept on the disk for the other side now, instead of those before.
        case keep([KeptText])
    }

    /// A text that is not acknowledged.
    private struct Text: Equatable {
        let text: String
        let time: MessageTime
        let token: Int?
        /// Where it was when it was kept.
        var kept: KeptText.Place?
    }

    private enum Link: Equatable {
        case none
        /// The other side has not said yet what it has.
        case opened(instance: UInt64)
        /// So many of the first texts were sent on this connection.
        case resumed(instance: UInt64, sent: Int)
    }

    /// This run of the program.
    private let instance: UInt64
    private var texts: Deque<Text>
    private var bytes = 0
    /// The number of the newest text that was acknowledged: the first of `texts` has the next.
    private var acknowledged: UInt64 = 0
    private var received: ReceivedTexts
    private var link = Link.none

    /// A session as the disk has it.
    package init(instance: UInt64, kept: [KeptText] = [], received: ReceivedTexts = ReceivedTexts()) {
        (self.instance, self.received) = (instance, received)
        texts = Deque(kept.map { Text(text: $0.text, time: $0.time, token: nil, kept: $0.place) })
        bytes = texts.reduce(0) { $0 + $1.text.utf8.count }
    }

    /// The texts that are not acknowledged.
    package var pending: Int { texts.count }
    /// Whether one more may wait.
    package var hasRoom: Bool { texts.count < PeerLimits.pendingTexts && bytes < PeerLimits.pendingBytes }
    /// Whether texts go to the other side at once.
    package var isOpen: Bool { if case .resumed = link { true } else { false } }
}

/// What came from another device: the texts of one of its runs, up to a number.
package struct ReceivedTexts: Equatable, Sendable {
    package var instance: UInt64
    package var number: UInt64

    package init(instance: UInt64 = 0, number: UInt64 = 0) { (self.instance, self.number) = (instance, number) }
}

/// A text on the disk.
package struct KeptText: Equatable, Sendable {
    package struct Place: Equatable, Sendable {
        package let instance: UInt64
        package let number: UInt64

        package init(instance: UInt64, number: UInt64) { (self.instance, self.number) = (instance, number) }
    }

    package let text: String
    package let time: MessageTime
    package let place: Place

    package init(text: String, time: MessageTime, place: Place) {
        (self.text, self.time, self.place) = (text, time, place)
    }
}

// What this side does.
extension PeerSession {
    /// A text, which keeps to ``PeerLimits/text``, is to arrive.
    ///
    /// Nil if too many wait already.
    package mutating func submitted(_ text: String, token: Int, time: MessageTime) -> [Action]? {
        guard hasRoom else { return nil }
        texts.append(Text(text: text, time: time, token: token))
        bytes += text.utf8.count
        return isOpen ? sendMore() : keep()
    }

    /// The text that was submitted last can't be kept: it is as if it had not been.
    ///
    /// Nothing happens where a session is open, as it may be on its way.
    package mutating func withdrew() {
        guard link == .none, let text = texts.popLast() else { return }
        bytes -= text.text.utf8.count
    }

    /// A connection with this instance of the other side is up.
    package mutating func connected(_ instance: UInt64) -> [Action] {
        link = .opened(instance: instance)
        let resume = WirePeerMessage.with {
            $0.resume = .with { ($0.instance, $0.received) = (received.instance, received.number) }
        }
        return [.send(resume)]
    }

    /// The connection is gone, and what was on its way with it.
    package mutating func disconnected() -> [Action] {
        guard link != .none else { return [] }
        link = .none
        return texts.isEmpty ? [] : keep()
    }
}

// What the other side says.
extension PeerSession {
    package mutating func received(_ resume: WireResume) throws(PeerViolation) -> [Action] {
        guard case .opened(let instance) = link else { throw .secondResume }
        if resume.instance == self.instance {
            let delivered = try acknowledge(upTo: max(resume.received, acknowledged))
            link = .resumed(instance: instance, sent: 0)
            // Its disk has forgotten the last ones: what follows gets their numbers.
            let isRenumbered = resume.received < acknowledged
            acknowledged = resume.received
            return delivered + (isRenumbered ? keepAnew() : []) + sendMore()
        }
        link = .resumed(instance: instance, sent: 0)
        // Of this run it has nothing, and perhaps something of an earlier one.
        var delivered: [Int?] = []
        texts.removeAll { text in
            guard let place = text.kept, place.instance == resume.instance, place.number <= resume.received else {
                return false
            }
            delivered.append(text.token)
            return true
        }
        acknowledged = 0
        bytes = texts.reduce(0) { $0 + $1.text.utf8.count }
        let hadKept = !delivered.isEmpty || texts.contains { $0.kept != nil }
        for index in texts.indices { texts[index].kept = nil }
        return (delivered.isEmpty ? [] : [.delivered(delivered)]) + (hadKept ? keep() : []) + sendMore()
    }

    package mutating func received(_ acknowledgement: WireAcknowledgement) throws(PeerViolation) -> [Action] {
        guard case .resumed(let instance, let sent) = link else { throw .notResumed }
        let before = acknowledged
        guard acknowledgement.number >= before, acknowledgement.number - before <= UInt64(sent) else {
            throw .wrongAcknowledgement
        }
        let delivered = try acknowledge(upTo: acknowledgement.number)
        link = .resumed(instance: instance, sent: sent - Int(acknowledged - before))
        return delivered + sendMore()
    }

    /// Texts that came one after the other.
    ///
    /// What is repeated is passed over, and acknowledged again.
    package mutating func received(_ messages: [WirePeerMessage]) throws(PeerViolation) -> [Action] {
        let instance: UInt64
        switch link {
        case .none: return []
        case .opened(let other), .resumed(let other, _): instance = other
        }
        var actions: [Action] = []
        // Where one breaks the rules, those before it are not shown either, and count as not received.
        var received = self.received
        for message in messages {
            do { try message.message.checkText(limit: PeerLimits.text) } catch { throw .invalidText(error) }
            let next = received.instance == instance ? received.number + 1 : 1
            guard message.number >= 1, message.number <= next else {
                throw .wrongNumber(expected: next, received: message.number)
            }
            guard message.number == next else { continue }
            received = ReceivedTexts(instance: instance, number: next)
            actions.append(.show(message.message))
        }
        self.received = received
        if !actions.isEmpty { actions.append(.note(received)) }
        return actions + [.acknowledge(received.number)]
    }
}

extension PeerSession {
    private mutating func acknowledge(upTo number: UInt64) throws(PeerViolation) -> [Action] {
        guard number >= acknowledged, number - acknowledged <= UInt64(texts.count) else { throw .wrongAcknowledgement }
        let count = Int(number - acknowledged)
        if count == 0 { return [] }
        acknowledged = number
        let delivered = texts.prefix(count)
        texts.removeFirst(count)
        bytes -= delivered.reduce(0) { $0 + $1.text.utf8.count }
        let wereKept = delivered.contains { $0.kept != nil }
        return [.delivered(delivered.map(\.token))] + (wereKept ? keep() : [])
    }

    /// Sends as many as the window allows.
    private mutating func sendMore() -> [Action] {
        guard case .resumed(let instance, let sent) = link else { return [] }
        let end = min(texts.count, PeerLimits.window)
        guard sent < end else { return [] }
        link = .resumed(instance: instance, sent: end)
        return (sent..<end).map { index in
            let (text, number) = (texts[index], acknowledged + UInt64(index) + 1)
            return .send(.with { ($0.sendTime, $0.message, $0.number) = (text.time, text.text, number) })
        }
    }

    /// All that is not acknowledged goes to the disk.
    ///
    /// What an earlier run has kept stays where it is, until the other side has said what it has of that run.
    private mutating func keep() -> [Action] {
        for index in texts.indices where texts[index].kept?.instance ?? instance == instance {
            texts[index].kept = .init(instance: instance, number: acknowledged + UInt64(index) + 1)
        }
        return [
            .keep(texts.compactMap { text in text.kept.map { KeptText(text: text.text, time: text.time, place: $0) } })
        ]
    }

    /// The texts have other numbers now: so it is on the disk, before they are sent.
    private mutating func keepAnew() -> [Action] {
        guard texts.contains(where: { $0.kept != nil }) else { return [] }
        for index in texts.indices { texts[index].kept = nil }
        return keep()
    }
}
