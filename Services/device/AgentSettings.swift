// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// What an agent has to know of how the program was started.
struct AgentSettings: Sendable {
    let id: DeviceID
    /// Of this run, as the greeting has it.
    let instance: UInt64
    let policy: PeerPolicy
    /// Nil where no registry is asked.
    let signaling: SignalingAddress?
    /// Whether who proves no id may speak by WebSocket.
    var allowsPlaintextPeers = false
    /// Whether a person types.
    let isInteractive: Bool
    /// On which the agent runs, its timers too: a thread of its own, since the database blocks.
    let loop: any EventLoop
    /// How long a text waits for its device to be connected.
    var sendPatience = TimeAmount.seconds(10)
    /// How long a device is looked for where it was last connected.
    var provenLifetime = TimeAmount.hours(1)
    /// How long a goodbye waits for the peers.
    var leavePatience = TimeAmount.milliseconds(1_100)
}
