// SPDX-License-Identifier: Apache-2.0

/// When the publisher may send the next message.
enum Pace {
    /// While fewer than so many are on their way to some receiver.
    case delivered(window: Int)
    /// While fewer than so many are not accepted yet.
    case accepted(window: Int)
    /// So many in a second, whatever has become of those before.
    case rate(Double)
}

/// What happened in a broadcast until some moment.
struct Count {
    var deliveries: Int
    var accepted: Int
    var nanoseconds: Int
}

/// A pace from some moment and message on.
struct Schedule {
    let pace: Pace
    let start: Int
    let firstNumber: Int

    var isRate: Bool {
        if case .rate = pace { true } else { false }
    }

    /// The messages before this number may have been sent by `now`.
    func end(at now: Int, delivered: Int, accepted: Int) -> Int {
        switch pace {
        case .delivered(let window): delivered + window
        case .accepted(let window): accepted + window
        case .rate(let rate): firstNumber + 1 + Int(Double(now - start) * rate / 1e9)
        }
    }

    /// When a message is to be sent, if that is known.
    func due(_ number: Int) -> Int? {
        guard case .rate(let rate) = pace else { return nil }
        return start + Int(Double(number - firstNumber) * 1e9 / rate)
    }
}
