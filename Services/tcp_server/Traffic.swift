// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Metrics
import NIOCore

/// What the relay measures of its work; refusals are counted by ``Refusal``.
enum Traffic {
    /// Messages that were stored.
    static let messages = Counter(label: "tcp_server_messages_total")
    /// Messages given to readers, each as often as it was given.
    static let deliveries = Counter(label: "tcp_server_deliveries_total")
    /// What clients sent and were sent, without TLS and WebSocket.
    static let receivedBytes = Counter(label: "tcp_server_received_bytes_total")
    static let sentBytes = Counter(label: "tcp_server_sent_bytes_total")
    /// From asking for a password's check to its beginning.
    static let loginQueue = Timer(label: "tcp_server_login_queue_seconds")
    /// From giving messages to the store to its answer.
    static let store = Timer(label: "tcp_server_store_seconds")
    /// From the store's answer to the last reader's having been given what its connection takes.
    static let route = Timer(label: "tcp_server_route_seconds")
    /// How much later than due the event loop comes to a task.
    static let loopLag = Timer(label: "tcp_server_loop_lag_seconds")

    /// Shows all of them, those that nothing was measured of yet, too.
    static func show() {
        _ = (messages, deliveries, receivedBytes, sentBytes, loginQueue, store, route, loopLag, spoken, unspoken)
    }

    /// Connections by dialect; nil for those that have not said which.
    static func connections(_ dialect: Dialect?) -> Meter {
        dialect.map { spoken[$0.rawValue] } ?? unspoken
    }

    private static let spoken = Dialect.allCases.map { meter("\($0)") }
    private static let unspoken = meter("unknown")

    private static func meter(_ dialect: String) -> Meter {
        let meter = Meter(label: "tcp_server_connections", dimensions: [("dialect", dialect)])
        meter.set(0)
        return meter
    }
}

extension Timer {
    /// Records the time since `start`.
    func record(since start: NIODeadline) {
        recordNanoseconds((NIODeadline.now() - start).nanoseconds)
    }
}

/// Looks ten times a second how late an event loop comes to what is due.
final class LoopLag {
    private let loop: any EventLoop
    private static let interval = TimeAmount.milliseconds(100)

    init(of loop: any EventLoop) {
        self.loop = loop
    }

    /// Goes on until the loop ends.
    func watch() {
        let due = NIODeadline.now() + Self.interval
        loop.assumeIsolated().scheduleTask(deadline: due) {
            Traffic.loopLag.record(since: due)
            self.watch()
        }
    }
}
