// SPDX-License-Identifier: Apache-2.0

import Metrics
import Synchronization

/// What measures one series.
enum Instrument: Sendable {
    /// As Prometheus calls it.
    enum Kind: String {
        case counter, gauge, histogram
    }

    case counter(Total)
    case gauge(Level)
    case histogram(Distribution)

    var counter: Total? { if case .counter(let total) = self { total } else { nil } }
    var level: Level? { if case .gauge(let level) = self { level } else { nil } }
    var distribution: Distribution? { if case .histogram(let distribution) = self { distribution } else { nil } }

    /// The lines of the series.
    func lines(name: String, labels: SeriesLabels) -> String {
        switch self {
        case .counter(let total): "\(name)\(labels) \(total.value)\n"
        case .gauge(let level): "\(name)\(labels) \(MetricName.number(level.value))\n"
        case .histogram(let distribution): distribution.lines(name: name, labels: labels)
        }
    }
}

/// Only goes up.
final class Total: CounterHandler {
    private let count = Atomic<Int64>(0)

    var value: Int64 { count.load(ordering: .relaxed) }

    func increment(by amount: Int64) {
        // Over the end it begins anew, which is what Prometheus takes for a restart.
        count.wrappingAdd(max(0, amount), ordering: .relaxed)
    }

    func reset() {
        count.store(0, ordering: .relaxed)
    }
}

/// Goes up and down.
final class Level: MeterHandler, RecorderHandler {
    private let level = Mutex(0.0)

    var value: Double { level.withLock { $0 } }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { level.withLock { $0 = value } }
    func increment(by amount: Double) { level.withLock { $0 += amount } }
    func decrement(by amount: Double) { level.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
}

/// How often values came, by size, in fixed buckets.
final class Distribution: RecorderHandler, TimerHandler {
    /// In seconds: from what a look-up takes to what nobody waits for.
    static let times = [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// From one to a million, in steps of four.
    static let sizes = (0...10).map { Double(1 << (2 * $0)) }

    private struct State {
        var counts: [Int]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(bounds: [Double]) {
        self.bounds = bounds
        // The last is for what is larger than all bounds.
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1_000_000_000) }

    func lines(name: String, labels: SeriesLabels) -> String {
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        var text = ""
        var total = 0
        for (bound, count) in zip(bounds.map(MetricName.number) + ["+Inf"], counts) {
            total += count
            text += "\(name)_bucket\(labels.adding("le", bound)) \(total)\n"
        }
        return text + "\(name)_sum\(labels) \(MetricName.number(sum))\n\(name)_count\(labels) \(total)\n"
    }
}
