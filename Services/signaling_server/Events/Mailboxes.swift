// SPDX-License-Identifier: Apache-2.0

package import MeshCore
package import NIOCore
import Synchronization

/// The signals that wait for devices, each for a short time: a log for each device that has some or listens.
package final class Mailboxes: Sendable {
    /// How long a signal is kept.
    package static let life = TimeAmount.seconds(30)
    /// Signals that may wait for one device.
    package static let waiting = 64
    /// Bytes that may wait for all.
    private static let bytes = 64 * 1_024 * 1_024

    private struct Mailbox {
        let feed: EventFeed
        /// When somebody last wanted it.
        var used: NIODeadline
    }

    private struct State {
        var boxes: [DeviceID: Mailbox] = [:]
        /// So that the ids of a mailbox that was emptied and taken away are not those of its successor.
        var made: UInt64 = 0
        /// What was taken in since the last sweep, and was there at it.
        var bytes = 0
    }

    private let state = Mutex(State())
    private let run: String

    package init(run: String) {
        self.run = run
    }

    /// The mailbox of a device, made where there is none.
    package func feed(of device: DeviceID, at now: NIODeadline) -> EventFeed {
        state.withLock { feed(of: device, in: &$0, at: now) }
    }

    /// Puts a signal in.
    ///
    /// While the device listens, and of what it was pushed before, the oldest make room; else what waits is for it to
    /// fetch.
    ///
    /// - Returns: Whether the device listens.
    package func put(_ signal: ServerSentEvent, for device: DeviceID, at now: NIODeadline) throws(SignalFault) -> Bool {
        let size = signal.text.utf8.count
        let box = try state.withLock { state throws(SignalFault) in
            guard state.bytes + size <= Self.bytes else { throw .overloaded }
            state.bytes += size
            return feed(of: device, in: &state, at: now)
        }
        let isHeard = box.isHeard
        guard isHeard || box.waiting < Self.waiting else { throw .full(maximum: Self.waiting) }
        box.append(signal, at: now)
        return isHeard
    }

    /// Drops what is too old, and the mailboxes that are empty and nobody's.
    package func sweep(at now: NIODeadline) {
        state.withLock { state in
            var bytes = 0
            state.boxes = state.boxes.filter { _, box in
                let size = box.feed.withLog { log in
                    log.drop(before: now - Self.life)
                    return log.size
                }
                bytes += size
                return size > 0 || box.feed.isHeard || box.used >= now - Self.life
            }
            state.bytes = bytes
        }
    }

    /// A device may no longer read what is its own.
    package func rightsChanged(of device: DeviceID) {
        state.withLock { $0.boxes[device]?.feed }?.rightsChanged()
    }

    private func feed(of device: DeviceID, in state: inout State, at now: NIODeadline) -> EventFeed {
        if let feed = state.boxes[device]?.feed {
            state.boxes[device]?.used = now
            feed.withLog { $0.drop(before: now - Self.life) }
            return feed
        }
        state.made += 1
        let bounds = EventLog.Bounds(events: Self.waiting, bytes: .max)
        let feed = EventFeed(EventLog(run: "\(run).\(state.made)", bounds: bounds), pause: nil)
        state.boxes[device] = Mailbox(feed: feed, used: now)
        return feed
    }
}

/// Why a signal is not taken.
package enum SignalFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sender doesn't prove who he is.
    case unsigned
    /// The receiver can't prove that it is itself.
    case unproven(RecordID)
    case full(maximum: Int)
    case overloaded

    package var description: String {
        switch self {
        case .unsigned: "a signal says who sent it: sign the request with the key of a registered device"
        case .unproven(let id): "\(id) is not the id of a key, so nobody can prove to be it and fetch a signal"
        case .full(let maximum): "\(maximum) signals wait for this device, which doesn't listen: try again later"
        case .overloaded: "too many signals wait here: try again later"
        }
    }
}
