// SPDX-License-Identifier: Apache-2.0

import Bench
import Glibc

/// One publisher and its receivers, all driven by one thread.
///
/// A message is delivered when a receiver has read it, and done when all receivers have. Each read is checked: its last
/// message must have the number that the count gives it, so that nothing lost or sent twice passes for a delivery.
final class Broadcast {
    private let dialect: any Dialect
    private let poller = Poller()
    private var receivers: [Receiver]
    private var publisher: Publisher
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4_096)
    private var onTheirWay: Countdown
    /// The number of the next message.
    private var next = 0
    private var deliveries = 0
    private var isWritingWatched = false
    /// How long messages took from the moment that they were to be sent, while ``run(_:nanoseconds:)`` has a rate.
    private(set) var latencies = Histogram()

    private static let publisherTag = Int(UInt32.max)
    private static let patience = 10_000_000_000

    init(dialect: any Dialect, receivers: [Int32], publisher: Int32, textBytes: Int = 128) {
        self.dialect = dialect
        self.receivers = receivers.map { Receiver(socket: $0) }
        self.publisher = Publisher(socket: publisher, payload: Payload(dialect: dialect, textBytes: textBytes))
        onTheirWay = Countdown(receivers: receivers.count)
        for (index, socket) in receivers.enumerated() { poller.add(socket, tag: index) }
        poller.add(publisher, tag: Self.publisherTag)
    }

    deinit {
        for receiver in receivers { receiver.deallocate() }
        publisher.reader.deallocate()
        buffer.deallocate()
    }

    /// What happened so far.
    var count: Count {
        Count(deliveries: deliveries, accepted: publisher.accepted, nanoseconds: monotonicNanoseconds())
    }

    /// Reads what comes before the first message, such as who joined, until nothing comes for a while.
    func settle() throws {
        var events = poller.wait(nanoseconds: 300_000_000)
        while events > 0 {
            for event in 0..<events {
                let tag = poller.tag(event)
                if tag == Self.publisherTag { try readPublisher() } else { _ = try readReceiver(tag) }
            }
            events = poller.wait(nanoseconds: 300_000_000)
        }
    }

    /// Publishes at `pace` for some time, and leaves on its way what then is.
    func run(_ pace: Pace, nanoseconds: Int) throws {
        let schedule = Schedule(pace: pace, start: monotonicNanoseconds(), firstNumber: next)
        let end = schedule.start + nanoseconds
        var heard = (deliveries: deliveries, time: schedule.start)
        while true {
            let now = monotonicNanoseconds()
            if now >= end { return }
            if deliveries != heard.deliveries { heard = (deliveries, now) }
            guard now - heard.time < Self.patience else { throw stalled() }
            try publish(schedule, now)
            try handle(poller.wait(nanoseconds: min(end, schedule.due(next) ?? end) - now), schedule)
        }
    }

    /// Waits until all that was published has reached all receivers.
    func finish() throws {
        var heard = (deliveries: deliveries, time: monotonicNanoseconds())
        while onTheirWay.first < next {
            if deliveries != heard.deliveries { heard = (deliveries, monotonicNanoseconds()) }
            guard monotonicNanoseconds() - heard.time < Self.patience else { throw stalled() }
            try flush()
            try handle(poller.wait(nanoseconds: 100_000_000), nil)
        }
    }

    func forgetLatencies() {
        latencies = Histogram()
    }
}

// MARK: The publisher

extension Broadcast {
    private func publish(_ schedule: Schedule, _ now: Int) throws {
        let end = schedule.end(at: now, delivered: onTheirWay.first, accepted: publisher.accepted)
        let last = min(end, onTheirWay.first + Countdown.capacity)
        guard next < last else { return }
        while next < last {
            onTheirWay.begin(dueAt: schedule.due(next) ?? now)
            publisher.publish(next)
            next += 1
        }
        try flush()
    }

    private func flush() throws {
        try publisher.flush()
        guard publisher.hasOutput != isWritingWatched else { return }
        isWritingWatched = publisher.hasOutput
        poller.change(publisher.socket, tag: Self.publisherTag, isWritingWatched ? .readingAndWriting : .reading)
    }

    private func readPublisher() throws {
        let arrival = publisher.reader.read(into: buffer)
        guard case .bytes(let count) = arrival else { return try check(arrival, "the publisher") }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        let scan = dialect.scanAnswers(bytes)
        publisher.accepted += scan.messages
        try check(scan, publisher.reader.keep(.init(rebasing: bytes[scan.consumed...])), "the publisher")
    }
}

// MARK: The receivers

extension Broadcast {
    private func handle(_ events: Int, _ schedule: Schedule?) throws {
        for event in 0..<events {
            let tag = poller.tag(event)
            if tag != Self.publisherTag {
                let numbers = try readReceiver(tag)
                if let schedule, schedule.isRate { measure(numbers) }
            } else {
                if poller.isWritable(event) { try flush() }
                try readPublisher()
            }
        }
    }

    /// Reads once, and gives the numbers of the messages that came.
    private func readReceiver(_ index: Int) throws -> Range<Int> {
        let begin = receivers[index].next
        let arrival = receivers[index].read(into: buffer)
        guard case .bytes(let count) = arrival else {
            try check(arrival, "receiver \(index)")
            return begin..<begin
        }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        let scan = dialect.scan(bytes)
        let isKept = receivers[index].keep(.init(rebasing: bytes[scan.consumed...]))
        try check(scan, isKept, "receiver \(index)")
        if scan.messages == 0 { return begin..<begin }
        let numbers = begin..<begin + scan.messages
        let last = Payload.number(in: .init(rebasing: bytes[scan.lastMessage..<scan.consumed]))
        guard last == numbers.upperBound - 1 else {
            throw Failure("receiver \(index) was given message \(last ?? -1) for \(numbers.upperBound - 1)")
        }
        receivers[index].next = numbers.upperBound
        deliveries += scan.messages
        onTheirWay.reached(numbers)
        return numbers
    }

    private func measure(_ numbers: Range<Int>) {
        let now = monotonicNanoseconds()
        for number in numbers { latencies.record(nanoseconds: now - onTheirWay.dueTime(of: number)) }
    }

    private func check(_ arrival: Receiver.Arrival, _ who: String) throws {
        if case .closed(let reason) = arrival { throw Failure("\(who) lost its connection: \(reason)") }
    }

    private func check(_ scan: Scan, _ isKept: Bool, _ who: String) throws {
        if let complaint = scan.complaint { throw Failure("\(who) was told: \(complaint)") }
        if !isKept { throw Failure("\(who) was sent a frame longer than \(Receiver.longestFrame) bytes") }
    }

    private func stalled() -> Failure {
        let waiting = receivers.count { $0.next < next }
        return Failure(
            "\(waiting) of \(receivers.count) receivers wait in vain: the first for message \(onTheirWay.first) of \(next)"
        )
    }
}
