// SPDX-License-Identifier: Apache-2.0

/// How a server is spoken to: what a client says to get in and to publish, and where the messages are in what it hears.
///
/// Scanning is all that the load does for a delivery: it looks at as few bytes of a frame as it can.
protocol Dialect {
    /// What a client says first.
    func hello(of client: ClientIdentity) -> [UInt8]

    /// How far the answer to the hello has come.
    func login(_ answer: [UInt8], of client: ClientIdentity) -> LoginProgress

    /// A frame that publishes `text`.
    func publication(of text: [UInt8]) -> [UInt8]

    /// The whole frames at the beginning of what a receiver was sent.
    func scan(_ bytes: UnsafeRawBufferPointer) -> Scan

    /// The whole frames at the beginning of what the publisher was sent, with the acceptances as the messages.
    func scanAnswers(_ bytes: UnsafeRawBufferPointer) -> Scan
}

extension Dialect {
    /// Most servers acknowledge nothing.
    func scanAnswers(_ bytes: UnsafeRawBufferPointer) -> Scan {
        var scan = scan(bytes)
        scan.messages = 0
        return scan
    }
}

struct ClientIdentity {
    enum Role {
        case receiver
        case publisher
        /// Logs in and does nothing.
        case idler
    }

    let number: Int
    let role: Role
}

enum LoginProgress {
    case waiting
    case done
    case refused(String)
}

/// What was found in some bytes.
struct Scan {
    var messages = 0
    /// Bytes of whole frames.
    var consumed = 0
    /// Where the last message begins.
    var lastMessage = 0
    /// What the server said instead of a message.
    var complaint: String?
}

/// One frame at the beginning of some bytes.
struct Frame {
    enum Kind {
        case message
        /// Nothing that counts.
        case other
        case complaint
    }

    let length: Int
    let kind: Kind
}

extension Scan {
    /// Scans `bytes` with `frame`, which finds the frame at the beginning of some bytes; nil if it is not whole.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, frame: (UnsafeRawPointer, Int) -> Frame?) {
        guard let start = bytes.baseAddress else { return }
        while consumed < bytes.count, let frame = frame(start + consumed, bytes.count - consumed) {
            switch frame.kind {
            case .message:
                messages += 1
                lastMessage = consumed
            case .other:
                break
            case .complaint:
                let words = UnsafeRawBufferPointer(start: start + consumed, count: frame.length)
                complaint = String(decoding: words.map { $0 < 32 || $0 > 126 ? 32 : $0 }, as: UTF8.self)
            }
            consumed += frame.length
        }
    }
}
