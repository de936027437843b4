// SPDX-License-Identifier: Apache-2.0

/// How many receivers each message that is on its way has yet to reach, and since when.
struct Countdown: ~Copyable {
    /// Messages that may be on their way.
    static let capacity = 1 << 16

    /// The first message that some receiver does not have.
    private(set) var first = 0
    private var end = 0
    private let receivers: Int32
    private let missing = UnsafeMutablePointer<Int32>.allocate(capacity: capacity)
    private let due = UnsafeMutablePointer<Int>.allocate(capacity: capacity)

    init(receivers: Int) {
        self.receivers = Int32(receivers)
    }

    deinit {
        missing.deallocate()
        due.deallocate()
    }

    /// Begins counting the next message, which was to be sent at `time`.
    mutating func begin(dueAt time: Int) {
        precondition(end - first < Self.capacity)
        missing[end % Self.capacity] = receivers
        due[end % Self.capacity] = time
        end += 1
    }

    /// One receiver has these messages.
    mutating func reached(_ numbers: Range<Int>) {
        for number in numbers { missing[number % Self.capacity] -= 1 }
        while first < end, missing[first % Self.capacity] == 0 { first += 1 }
    }

    func dueTime(of number: Int) -> Int { due[number % Self.capacity] }
}
