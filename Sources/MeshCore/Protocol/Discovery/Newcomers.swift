// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// When to say again that this device is there: each period, and soon after somebody new was heard, but not more often
/// than once a second, however many newcomers somebody invents.
struct Newcomers: Equatable, Sendable {
    /// Whom a source has heard, and until when that counts.
    private var heard: [DeviceID: NIODeadline] = [:]
    private var lastAnnounced: NIODeadline?
    /// When it is time to announce.
    private(set) var due: NIODeadline?
    private let period: TimeAmount

    init(period: TimeAmount) {
        self.period = period
    }

    /// Until when a device that was heard now counts as there.
    func lifetime(from now: NIODeadline) -> NIODeadline { now + period * 3 }

    /// A device was heard; true if it is a new one.
    mutating func hears(_ id: DeviceID, at now: NIODeadline) -> Bool {
        let isNew = heard[id].map { $0 <= now } ?? true
        if isNew, heard.count >= Self.bound { heard = heard.filter { $0.value > now } }
        if heard[id] != nil || heard.count < Self.bound { heard[id] = lifetime(from: now) }
        if isNew {
            let soon = max(now, lastAnnounced.map { $0 + Self.pause } ?? now)
            due = min(due ?? soon, soon)
        }
        return isNew
    }

    /// True if it is time to announce, which then counts as done.
    mutating func announces(at now: NIODeadline) -> Bool {
        if lastAnnounced != nil, let due, due > now { return false }
        lastAnnounced = now
        due = now + period
        return true
    }

    private static let bound = 1_024
    private static let pause = TimeAmount.seconds(1)
}
