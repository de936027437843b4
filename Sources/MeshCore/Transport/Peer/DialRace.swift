// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Runs the attempts of one dial against each other: the first that proves the device's id stays, the others are
/// cancelled.
///
/// Belongs to one event loop, as all channels of the dial do.
final class DialRace {
    private let plan: DialPlan
    private let loop: any EventLoop
    private let start: (DialRace, Int) -> Void
    private let finish: (DialReport) -> Void
    private var report: DialReport
    private var channels: [Int: any Channel] = [:]
    private var running: Set<Int> = []
    private var next = 0
    private var begun = NIODeadline.now()
    private var timer: Scheduled<Void>?
    private var isOver = false

    /// `start` begins the attempt with an index, `finish` learns the result, once.
    init(
        _ plan: DialPlan,
        on loop: any EventLoop,
        start: @escaping (DialRace, Int) -> Void,
        finish: @escaping (DialReport) -> Void
    ) {
        (self.plan, self.loop, self.start, self.finish) = (plan, loop, start, finish)
        report = DialReport(plan)
    }

    func run() {
        begun = .now()
        startNext()
    }

    /// An attempt has a channel, which may be closed.
    func opened(_ index: Int, _ channel: any Channel) {
        if isOver { return channel.close(promise: nil) }
        channels[index] = channel
    }

    /// An attempt has proven the id; false if another one was faster.
    func proved(_ index: Int) -> Bool {
        guard !isOver else { return false }
        end(index, .chosen)
        for loser in running { end(loser, .cancelled) }
        let losers = channels.filter { $0.key != index }
        over()
        for channel in losers.values { channel.close(promise: nil) }
        return true
    }

    func failed(_ index: Int, _ fault: DialFault) {
        guard !isOver, running.contains(index) else { return }
        end(index, .failed(fault))
        if running.isEmpty { startNext() }
    }

    private func startNext() {
        timer?.cancel()
        guard next < plan.attempts.count else {
            if running.isEmpty { over() }
            return
        }
        let index = next
        next += 1
        running.insert(index)
        report.results[index].began = NIODeadline.now() - begun
        scheduleNext()
        start(self, index)
    }

    private func scheduleNext() {
        guard next < plan.attempts.count else { return }
        let deadline = max(begun + plan.attempts[next].after, .now() + .milliseconds(10))
        timer = loop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
            if !isOver { startNext() }
        }
    }

    private func end(_ index: Int, _ outcome: DialReport.Outcome) {
        running.remove(index)
        report.results[index].outcome = outcome
        if let began = report.results[index].began { report.results[index].took = NIODeadline.now() - begun - began }
    }

    private func over() {
        isOver = true
        timer?.cancel()
        channels = [:]
        finish(report)
    }
}
