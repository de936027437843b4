// SPDX-License-Identifier: Apache-2.0

package import MeshCore
package import NIOCore
import NIOPosix
import Synchronization

/// A log of events, and who is to be woken when it grows.
///
/// The reader's connection takes what it wants from the log, on its own event loop. Events that come within a `pause`
/// share one round, and a round begins when the last one is through; so many readers make longer rounds, and each still
/// gets one write for all that came.
package final class EventFeed: Sendable {
    /// A reader that waits: told, on its event loop, that there may be more.
    package struct Listener: Sendable {
        let loop: any EventLoop
        let wake: NIOLoopBound<() -> Void>

        package init(loop: any EventLoop, wake: NIOLoopBound<() -> Void>) {
            (self.loop, self.wake) = (loop, wake)
        }
    }

    private struct Group: Sendable {
        let loop: any EventLoop
        var listeners: [Int: Listener] = [:]
    }

    /// The part that many readers ask for at once.
    private struct Shared {
        let position: UInt64
        let head: UInt64
        let topic: String?
        let part: EventLog.Part
    }

    private struct State {
        var log: EventLog
        var groups: [ObjectIdentifier: Group] = [:]
        var lastKey = 0
        var isRunning = false
        var told: UInt64 = 0
        /// The furthest that a reader was given.
        var taken: UInt64 = 0
        /// Counts that somebody may no longer read.
        var rights: UInt64 = 0
        var toldRights: UInt64 = 0
        var shared: Shared?
    }

    private let state: Mutex<State>
    private let pause: TimeAmount?

    /// Without a pause the listeners are woken at once.
    package init(_ log: EventLog, pause: TimeAmount?) {
        state = Mutex(State(log: log))
        self.pause = pause
    }

    /// Looks at the log, or changes what is kept of it.
    package func withLog<Value>(_ body: (inout EventLog) -> sending Value) -> sending Value {
        state.withLock { body(&$0.log) }
    }

    package var isHeard: Bool { state.withLock { !$0.groups.isEmpty } }

    /// The events that no reader was given yet.
    package var waiting: Int { state.withLock { Int($0.log.head - max($0.taken, $0.log.oldest)) } }

    /// Changes when somebody may no longer read.
    package var rights: UInt64 { state.withLock(\.rights) }

    /// Somebody may no longer read: all listeners look, before they are given more, whether it is theirs.
    package func rightsChanged() {
        let first: (any EventLoop)? = state.withLock { state in
            state.rights += 1
            return Self.begin(&state)
        }
        if let first { start(on: first) }
    }

    /// Adds an event and sees to it that the listeners hear of it.
    package func append(_ event: ServerSentEvent, topic: String? = nil, at now: NIODeadline = .uptimeNanoseconds(0)) {
        let first: (any EventLoop)? = state.withLock { state in
            state.log.append(event, topic: topic, at: now)
            return Self.begin(&state)
        }
        if let first { start(on: first) }
    }

    /// Where a round has to be started for those who wait, if one has.
    private static func begin(_ state: inout State) -> (any EventLoop)? {
        guard !state.isRunning, let loop = state.groups.first?.value.loop else { return nil }
        state.isRunning = true
        return loop
    }

    /// What is behind a position: many who are at the same one are given the same bytes.
    package func part(after position: UInt64, topic: String?, limit: Int) -> EventLog.Part {
        state.withLock { state in
            let head = state.log.head
            if let shared = state.shared, shared.position == position, shared.head == head, shared.topic == topic {
                return shared.part
            }
            let part = state.log.part(after: position, topic: topic, limit: limit)
            if case .events(_, let end) = part { state.taken = max(state.taken, end) }
            if part != .nothing {
                state.shared = Shared(position: position, head: head, topic: topic, part: part)
            }
            return part
        }
    }

    /// A reader waits from now on; what is returned ends that.
    package func add(_ listener: Listener) -> Int {
        state.withLock { state in
            state.lastKey += 1
            let loop = ObjectIdentifier(listener.loop)
            state.groups[loop, default: Group(loop: listener.loop)].listeners[state.lastKey] = listener
            return state.lastKey
        }
    }

    package func remove(_ key: Int, on loop: any EventLoop) {
        state.withLock { state in
            let id = ObjectIdentifier(loop)
            state.groups[id]?.listeners[key] = nil
            if state.groups[id]?.listeners.isEmpty ?? false { state.groups[id] = nil }
        }
    }

    /// Waits until there is more behind a position, or the task is cancelled.
    package func grows(beyond position: UInt64) async {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (wakings, sink) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let wake = try? await loop.submit { NIOLoopBound({ _ = sink.yield() }, eventLoop: loop) }.get()
        guard let wake else { return }
        let key = add(Listener(loop: loop, wake: wake))
        defer { remove(key, on: loop) }
        // What came before there was a listener woke nobody.
        if withLog({ $0.head }) > position { return }
        for await _ in wakings { return }
    }

    private func start(on loop: any EventLoop) {
        if let pause { loop.scheduleTask(in: pause) { self.round() } } else { round() }
    }

    /// Wakes all, each on its loop, and goes on when the last of them is through and there is more by then.
    private func round() {
        let groups = state.withLock { state in
            (state.told, state.toldRights) = (state.log.head, state.rights)
            if state.groups.isEmpty { state.isRunning = false }
            return Array(state.groups.values)
        }
        let countdown = Countdown(from: groups.count)
        for group in groups {
            group.loop.execute {
                for listener in group.listeners.values { listener.wake.value() }
                if countdown.isLast() { self.ended(on: group.loop) }
            }
        }
    }

    private func ended(on loop: any EventLoop) {
        let goesOn = state.withLock { state in
            state.isRunning = state.log.head > state.told || state.rights != state.toldRights
            return state.isRunning
        }
        if goesOn { start(on: loop) }
    }
}

/// Counts down for those who end at different times.
private final class Countdown: Sendable {
    private let left: Mutex<Int>

    init(from count: Int) {
        left = Mutex(count)
    }

    func isLast() -> Bool {
        left.withLock { left in
            left -= 1
            return left == 0
        }
    }
}
