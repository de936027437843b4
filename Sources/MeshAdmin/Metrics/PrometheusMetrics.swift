// SPDX-License-Identifier: Apache-2.0

package import Metrics
import Synchronization

/// Keeps what swift-metrics measures, and shows it in the text format of Prometheus (version 0.0.4).
///
/// Bounded, whatever labels are made of: beyond `maximum` series nothing new is kept, and
/// `metrics_series_refused_total` counts those that were refused.
package final class PrometheusMetrics: MetricsFactory {
    /// The media type of ``text()``.
    package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    private struct Family {
        let kind: Instrument.Kind
        var series: [SeriesLabels: Instrument] = [:]
    }

    private struct State {
        var families: [String: Family] = [:]
        var count = 0
        var refused = 0
    }

    private let state = Mutex(State())
    private let maximum: Int

    package init(maximum: Int = 1_000) {
        self.maximum = maximum
    }

    /// All series, by name and by labels, with what the system says of this process.
    package func text() -> String {
        let (families, refused) = state.withLock { ($0.families, $0.refused) }
        var text = ProcessFigures.read().text
        text += "# TYPE metrics_series_refused_total counter\nmetrics_series_refused_total \(refused)\n"
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            for (labels, instrument) in family.series.sorted(by: { $0.key < $1.key }) {
                text += instrument.lines(name: name, labels: labels)
            }
        }
        return text
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        instrument(Self.total(label), dimensions, .counter) { .counter(Total()) }?.counter
            ?? NOOPMetricsHandler.instance
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        instrument(MetricName.name(label), dimensions, .gauge) { .gauge(Level()) }?.level ?? NOOPMetricsHandler.instance
    }

    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        if aggregate {
            return instrument(MetricName.name(label), dimensions, .histogram) {
                .histogram(Distribution(bounds: Distribution.sizes))
            }?.distribution ?? NOOPMetricsHandler.instance
        }
        return instrument(MetricName.name(label), dimensions, .gauge) { .gauge(Level()) }?.level
            ?? NOOPMetricsHandler.instance
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let name = MetricName.name(label)
        return instrument(name.hasSuffix("_seconds") ? name : name + "_seconds", dimensions, .histogram) {
            .histogram(Distribution(bounds: Distribution.times))
        }?.distribution ?? NOOPMetricsHandler.instance
    }

    // A series stays: one that went away and came back would look like a restart.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private static func total(_ label: String) -> String {
        let name = MetricName.name(label)
        return name.hasSuffix("_total") ? name : name + "_total"
    }

    /// The one that is there, or a new one; nil where there is no room, or the name is one of another kind.
    private func instrument(
        _ name: String,
        _ dimensions: [(String, String)],
        _ kind: Instrument.Kind,
        make: () -> Instrument
    ) -> Instrument? {
        let labels = SeriesLabels(dimensions)
        return state.withLock { state in
            var family = state.families[name] ?? Family(kind: kind)
            if family.kind == kind, let instrument = family.series[labels] { return instrument }
            guard family.kind == kind, state.count < maximum else {
                state.refused += 1
                return nil
            }
            let instrument = make()
            family.series[labels] = instrument
            state.families[name] = family
            state.count += 1
            return instrument
        }
    }
}
