// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// How a peer can break the rules of the conversation.
package enum PeerViolation: Error, Equatable, Sendable {
    case malformed(WireViolation)
    /// Something other than the preamble came first from a device that dialed.
    case noPreamble
    /// Something other than a greeting came first.
    case notGreeted
    case secondGreeting
    case invalidName(TextFault)
    case invalidVersion(TextFault)
    case invalidText(TextFault)
    case wrongNumber(expected: UInt64, received: UInt64)
    /// It said twice what it has.
    case secondResume
    /// It acknowledged before it said what it has.
    case notResumed
    /// An acknowledgement of what was not sent, or a second one of the same.
    case wrongAcknowledgement
    /// An answer to a heartbeat that was not sent.
    case wrongAnswer
    /// More of the failure detector's messages than any has a reason to send.
    case tooManyProbes
}

extension PeerViolation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let violation): "\(violation)"
        case .noPreamble: "it does not speak this protocol"
        case .notGreeted: "it did not greet first"
        case .secondGreeting: "it greeted twice"
        case .invalidName(let fault): "its name is not valid: \(fault)"
        case .invalidVersion(let fault): "its version is not valid: \(fault)"
        case .invalidText(let fault): "a text is not valid: \(fault)"
        case .wrongNumber(let expected, let received): "text \(received) came where \(expected) was due"
        case .secondResume: "it resumed twice"
        case .notResumed: "it did not resume first"
        case .wrongAcknowledgement: "it acknowledged what was not sent"
        case .wrongAnswer: "it answered a heartbeat that was not sent"
        case .tooManyProbes: "it probes without an end"
        }
    }
}

/// Why a connection between two devices ended.
package enum PeerEnd: Error, Equatable, Sendable {
    /// This side said goodbye.
    case closed(WireGoodbye.Reason)
    /// The other side said goodbye.
    case goodbye(WireGoodbye.Reason)
    case violation(PeerViolation)
    /// Nothing was heard for so long.
    case silent(TimeAmount)
    /// The other side took nothing in while more and more was sent.
    case stalled
    /// No greeting came in time.
    case noGreeting
    /// The connection ended without a goodbye.
    case lost
}

extension PeerEnd: CustomStringConvertible {
    package var description: String {
        switch self {
        case .closed(let reason): "closed: \(reason.explanation)"
        case .goodbye(.leaving): "it left"
        case .goodbye(let reason): "it closed: \(reason.explanation)"
        case .violation(let violation): "it broke the protocol: \(violation)"
        case .silent(let time): "silent for \(time.seconds)"
        case .stalled: "it takes nothing in"
        case .noGreeting: "it did not greet in time"
        case .lost: "the connection broke"
        }
    }
}

extension WireGoodbye.Reason {
    /// The reason for people, as both sides may have it.
    package var explanation: String {
        switch self {
        case .leaving: "leaving"
        case .duplicate: "there is another connection"
        case .protocolViolation: "the protocol was broken"
        case .silent: "nothing was heard"
        case .tooManyPeers: "too many peers"
        case .notListed: "not listed in the registry"
        case .unspecified, .UNRECOGNIZED: "no reason given"
        }
    }
}

extension TimeAmount {
    /// In seconds, for people: `15 s`, `1.2 s`, `0.034 s`.
    package var seconds: String {
        let milliseconds = nanoseconds / 1_000_000
        let (whole, rest) = milliseconds.quotientAndRemainder(dividingBy: 1_000)
        guard rest != 0 else { return "\(whole) s" }
        let digits = whole == 0 && rest < 100 ? rest : rest / 100 * 100
        let fraction = String(String(1_000 + abs(digits)).dropFirst())
        let shortened = fraction.reversed().drop { $0 == "0" }.reversed()
        return shortened.isEmpty ? "\(whole) s" : "\(whole).\(String(shortened)) s"
    }
}
