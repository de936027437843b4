// SPDX-License-Identifier: Apache-2.0

import MeshCore

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
    /// A line of the prompt or of the standard input.
    case line(String)
    case inputEnded
    /// The process is to stop.
    case stopped
}

/// Where everything that the agent learns arrives, in one order; and what it asks of others.
///
/// Unbounded as a queue, bounded by its sources: a peer is not read from while too much of it waits, the input waits for each line's turn, and
/// of the registry there is one list at a time.
struct Inbox: Sendable {
    let events: AsyncStream<AgentEvent>
    /// Devices that the registry is to be asked for.
    let lookUps: AsyncStream<DeviceID>
    /// An element for each line that may be read.
    let turns: AsyncStream<Void>
    /// What the registry is told of this device's sessions.
    let sessions = SessionBoard()
    private let eventSink: AsyncStream<AgentEvent>.Continuation
    private let lookUpSink: AsyncStream<DeviceID>.Continuation
    private let turnSink: AsyncStream<Void>.Continuation

    init() {
        (events, eventSink) = AsyncStream.makeStream()
        // Who is not looked up runs out of time, and tries again.
        (lookUps, lookUpSink) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(64))
        (turns, turnSink) = AsyncStream.makeStream()
    }

    func put(_ event: AgentEvent) {
        eventSink.yield(event)
    }

    func lookUp(_ id: DeviceID) {
        lookUpSink.yield(id)
    }

    /// Lets one more line be read.
    func takeTurn() {
        turnSink.yield()
    }

    /// Nothing is read any more.
    func endInput() {
        turnSink.finish()
    }
}
