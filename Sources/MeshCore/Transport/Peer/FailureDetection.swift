// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SwiftProtobuf

/// Drives the failure detector of a device on the event loop that its connections are read on: a probe is answered by
/// who reads it, and wakes nobody else.
///
/// What becomes of the others is reported, with nil of whom nothing is known any more. All methods may be called anywhere.
package final class FailureDetection: Sendable {
    private struct State {
        var detector: FailureDetector
        /// By which a device is probed, and told things.
        var links: [DeviceID: PeerLink] = [:]
        var timer: Scheduled<Void>?
    }

    private let state: NIOLoopBoundBox<State>
    private let report: @Sendable (DeviceID, MemberState?) -> Void

    init(
        _ detector: FailureDetector,
        on loop: any EventLoop,
        report: @escaping @Sendable (DeviceID, MemberState?) -> Void
    ) {
        state = .makeBoxSendingValue(State(detector: detector), eventLoop: loop)
        self.report = report
    }

    /// A device has a connection with this one, which stays.
    package func connected(_ link: PeerLink) {
        onLoop {
            $0.state.value.links[link.id] = link
            $0.handle { $0.connected(link.id, at: $1) }
        }
    }

    /// The connection is gone without a goodbye.
    package func disconnected(_ id: DeviceID) {
        onLoop {
            $0.state.value.links[id] = nil
            $0.handle { $0.disconnected(id, at: $1) }
        }
    }

    /// A device has taken its leave.
    package func departed(_ id: DeviceID) {
        onLoop {
            $0.state.value.links[id] = nil
            $0.handle { detector, _ in detector.departed(id) }
        }
    }

    /// Something else came from a device, which so lives.
    func heard(_ id: DeviceID) {
        onLoop { $0.handle { $0.heard(id, at: $1) } }
    }

    /// A message that is for the detector came by a connection.
    func received(_ body: WirePeerMessage.OneOf_Body, by link: PeerLink) {
        onLoop { detection in
            switch body {
            case .probe(let probe): detection.handle(by: link) { $0.received(probe, from: link.id, at: $1) }
            case .probeAnswer(let answer): detection.handle(by: link) { $0.received(answer, from: link.id, at: $1) }
            case .greeting, .heartbeat, .heartbeatAnswer, .acknowledgement, .goodbye, .resume, .storeDigest,
                .storeRequest, .storeAnswer, .storePush, .masterClaim:
                break
            }
        }
    }

    private func timerFired() {
        state.value.timer = nil
        var generator = SystemRandomNumberGenerator()
        handle { $0.timerFired(at: $1, using: &generator) }
    }

    /// Gives the detector an event and does what it answers; `link` is where the event came from, which may not be known
    /// to stay yet.
    private func handle(
        by link: PeerLink? = nil,
        _ event: (inout FailureDetector, NIODeadline) -> [FailureDetector.Action]
    ) {
        for action in event(&state.value.detector, .now()) {
            switch action {
            case .send(let body, let id):
                (state.value.links[id] ?? (id == link?.id ? link : nil))?.sendNow(.with { $0.body = body })
            case .changed(let id, let memberState):
                // A connection with the dead is none; another one may be on its way.
                if memberState == .dead { state.value.links[id]?.close(.silent) }
                report(id, memberState)
            case .measured(let id, let time): state.value.links[id]?.traffic.measured(time)
            case .forgotten(let id): report(id, nil)
            case .setTimer(let deadline):
                state.value.timer?.cancel()
                state.value.timer = loop.assumeIsolated().scheduleTask(deadline: deadline) { self.timerFired() }
            }
        }
    }

    private var loop: any EventLoop { state.eventLoop }

    private func onLoop(_ body: @escaping @Sendable (FailureDetection) -> Void) {
        if loop.inEventLoop { body(self) } else { loop.execute { body(self) } }
    }
}
