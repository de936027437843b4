// SPDX-License-Identifier: Apache-2.0

import Dispatch
import MeshCore
import Synchronization

/// What the agent learns, from whichever side.
enum AgentEvent: Sendable {
    case peer(PeerEvent)
    /// Time has come for the table of peers, or for what waits in the outbox.
    case timerFired
    /// The registry's whole list.
    case listed([DeviceRecord])
    case lookedUp(DeviceID, DeviceRecord?)
    /// A way of finding devices without the registry.
    case discovered(DiscoveryEvent)
    case discovering([DiscoveryReport])
    case registry(RegistryContact.Change)
    /// A program on this machine asks for something, or has left.
    case asked(AgentCommand, ControlClient)
    case askerLeft(Int)
    /// Lines of the prompt or of the standard input.
    case lines([String])
    case inputEnded
    /// Lines of the script are left.
    case scriptGoesOn
    /// The process is to stop.
    case stopped
}

/// Where everything that the agent learns arrives, in one order; and what it asks of others.
///
/// Unbounded as a queue, bounded by its sources: a peer is not read from while too much of it waits, the input waits for
/// its turn, and of the registry there is one list at a time.
final class Inbox: Sendable {
    private struct Queue {
        var events: [AgentEvent] = []
        /// Told when something comes where nothing was.
        var wake: (@Sendable () -> Void)?
    }

    /// Devices that the registry is to be asked for.
    let lookUps: AsyncStream<DeviceID>
    /// What the registry is told of this device's sessions.
    let sessions = SessionBoard()
    private let queue = Mutex(Queue())
    private let lookUpSink: AsyncStream<DeviceID>.Continuation
    private let turn = DispatchSemaphore(value: 0)

    init() {
        // Who is not looked up runs out of time, and tries again.
        (lookUps, lookUpSink) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(64))
    }

    func put(_ event: AgentEvent) {
        let wake = queue.withLock { queue in
            queue.events.append(event)
            return queue.events.count == 1 ? queue.wake : nil
        }
        wake?()
    }

    /// All that has come; `wake` is called when there is more.
    func take() -> [AgentEvent] {
        queue.withLock { queue in
            defer { queue.events = [] }
            return queue.events
        }
    }

    /// From now on `wake` is called when there is something to take; nil for nobody.
    func open(_ wake: (@Sendable () -> Void)?) {
        let isDue = queue.withLock { queue in
            queue.wake = wake
            return !queue.events.isEmpty
        }
        if isDue { wake?() }
    }

    func lookUp(_ id: DeviceID) {
        lookUpSink.yield(id)
    }

    /// Lets the input hand in what it has read.
    func takeTurn() {
        turn.signal()
    }

    /// Blocks the input's thread until the agent has dealt with what was handed in before.
    func waitForTurn() {
        turn.wait()
    }
}
