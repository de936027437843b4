// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// What tells the series of one name apart, in the form that Prometheus reads: `{cause="unsigned"}`.
struct SeriesLabels: Hashable, Comparable, CustomStringConvertible {
    /// A longer value is cut, in bytes.
    private static let longestValue = 128

    private let pairs: [String]

    /// Of several with one name the last counts.
    init(_ dimensions: [(String, String)]) {
        let values = Dictionary(dimensions.map { (MetricName.label($0.0), $0.1) }) { $1 }
        pairs = values.sorted { $0.key < $1.key }.map { "\($0)=\"\(Self.escaped($1))\"" }
    }

    private init(pairs: [String]) {
        self.pairs = pairs
    }

    /// The same and one more, whose value needs no escape.
    func adding(_ name: String, _ value: String) -> SeriesLabels {
        SeriesLabels(pairs: pairs + ["\(name)=\"\(value)\""])
    }

    var description: String { pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}" }

    static func < (left: SeriesLabels, right: SeriesLabels) -> Bool {
        left.pairs.lexicographicallyPrecedes(right.pairs)
    }

    private static func escaped(_ value: String) -> String {
        let cut =
            value.utf8.count > longestValue ? String(decoding: value.utf8.prefix(longestValue), as: UTF8.self) : value
        return cut.replacing("\n", with: " ").printable.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    }
}

/// Names and numbers as Prometheus reads them.
enum MetricName {
    /// Letters, digits, `_` and `:`, and no digit first; anything else becomes `_`.
    static func name(_ text: String) -> String { cleaned(text) { $0 == ":" } }

    /// The same without the colon.
    static func label(_ text: String) -> String { cleaned(text) { _ in false } }

    /// A whole number without a point; what is no number in Prometheus' words.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return Int64(exactly: value).map { "\($0)" } ?? "\(value)"
    }

    private static func cleaned(_ text: String, allows: (Character) -> Bool) -> String {
        let name = String(text.prefix(128).map { $0.isASCII && ($0.isLetter || $0.isNumber) || allows($0) ? $0 : "_" })
        return name.first.map { $0.isNumber } ?? true ? "_" + name : name
    }
}
