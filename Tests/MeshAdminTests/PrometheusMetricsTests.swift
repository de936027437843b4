// SPDX-License-Identifier: Apache-2.0

import Metrics
import Testing

@testable import MeshAdmin

@Suite struct PrometheusMetricsTests {
    private let metrics = PrometheusMetrics(maximum: 8)

    @Test func `a counter is shown with its labels in order, and counts on under the same`() {
        for _ in 0..<3 {
            Counter(label: "refusals", dimensions: [("z", "1"), ("cause", "unsigned")], factory: metrics)
                .increment(by: 2)
        }
        Counter(label: "refusals", dimensions: [("cause", "other")], factory: metrics).increment()
        #expect(
            lines(of: "refusals_total") == [
                "# TYPE refusals_total counter", "refusals_total{cause=\"other\"} 1",
                "refusals_total{cause=\"unsigned\",z=\"1\"} 6",
            ]
        )
    }

    @Test func `a gauge goes up and down`() {
        let meter = Meter(label: "devices", factory: metrics)
        meter.set(4)
        meter.increment(by: 1.5)
        meter.decrement(by: 1)
        #expect(lines(of: "devices") == ["# TYPE devices gauge", "devices 4.5"])
        Gauge(label: "level", factory: metrics).record(-3)
        #expect(lines(of: "level") == ["# TYPE level gauge", "level -3"])
    }

    @Test func `a timer is a histogram in seconds, each bucket with all that is smaller`() {
        let timer = Metrics.Timer(label: "request", factory: metrics)
        for milliseconds in [1, 30, 70_000] { timer.recordMilliseconds(milliseconds) }
        let lines = lines(of: "request_seconds")
        #expect(lines.count == 1 + 16 + 2)
        #expect(lines.contains("request_seconds_bucket{le=\"0.0005\"} 0"))
        #expect(lines.contains("request_seconds_bucket{le=\"0.001\"} 1"))
        #expect(lines.contains("request_seconds_bucket{le=\"0.05\"} 2"))
        #expect(lines.contains("request_seconds_bucket{le=\"+Inf\"} 3"))
        #expect(lines.contains("request_seconds_sum 70.031"))
        #expect(lines.contains("request_seconds_count 3"))
    }

    @Test func `a recorder is a histogram of sizes`() {
        let recorder = Recorder(label: "batch", factory: metrics)
        for value in [1, 5, 5_000_000] { recorder.record(value) }
        recorder.record(Double.nan)
        let lines = lines(of: "batch")
        #expect(lines.contains("batch_bucket{le=\"1\"} 1"))
        #expect(lines.contains("batch_bucket{le=\"16\"} 2"))
        #expect(lines.contains("batch_bucket{le=\"1048576\"} 2"))
        #expect(lines.contains("batch_count 3"))
    }

    @Test func `names, labels and values can't break the format`() {
        Counter(label: "1 bad-näme", dimensions: [("a b", "x\"y\\z\nA 1\r")], factory: metrics).increment()
        Counter(label: "long", dimensions: [("v", String(repeating: "ä", count: 10_000))], factory: metrics).increment()
        #expect(metrics.text().contains("_1_bad_n_me_total{a_b=\"x\\\"y\\\\z A 1\\\\u{D}\"} 1\n"))
        let long = lines(of: "long_total").last ?? ""
        #expect(long.utf8.count < 200)
    }

    @Test func `what there is no room for, or is called like another kind, is refused and counted`() {
        for number in 0..<20 {
            Counter(label: "peers", dimensions: [("id", "\(number)")], factory: metrics).increment()
        }
        Gauge(label: "peers_total", factory: metrics).record(1)
        #expect(lines(of: "peers_total").count == 9)
        #expect(metrics.text().contains("metrics_series_refused_total 13\n"))
        Counter(label: "peers", dimensions: [("id", "0")], factory: metrics).increment()
        #expect(lines(of: "peers_total").contains("peers_total{id=\"0\"} 2"))
    }

    @Test func `the process tells of its memory`() throws {
        let resident = try #require(ProcessFigures.read().residentBytes)
        #expect(resident > 1_000_000)
        #expect(metrics.text().contains("\nprocess_resident_memory_bytes "))
    }

    private func lines(of name: String) -> [String] {
        metrics.text().split(separator: "\n").map(String.init).filter { line in
            line.hasPrefix("# TYPE \(name) ") || line.prefix { $0 != "{" && $0 != " " } == name
                || ["bucket", "sum", "count"].contains { line.hasPrefix("\(name)_\($0)") }
        }
    }
}
