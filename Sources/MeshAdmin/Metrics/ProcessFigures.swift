// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What Linux says of this process: memory, processor time, open files.
struct ProcessFigures: Equatable {
    var residentBytes: Int?
    var openFiles: Int?
    var processorSeconds: Double?

    /// Nothing where there is no `/proc`.
    static func read() -> ProcessFigures {
        var figures = ProcessFigures()
        let pages = file("/proc/self/statm")?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        figures.residentBytes = pages.map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) }
        figures.openFiles = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        // Behind the name, which stands in parentheses and may hold anything: user and system time, fields 14 and 15.
        let fields = file("/proc/self/stat")?.split(separator: ")").last?.split(separator: " ") ?? []
        let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }
        if ticks.count == 2 { figures.processorSeconds = (ticks[0] + ticks[1]) / Double(sysconf(Int32(_SC_CLK_TCK))) }
        return figures
    }

    var text: String {
        let lines = [
            ("process_cpu_seconds_total", "counter", processorSeconds),
            ("process_open_fds", "gauge", openFiles.map(Double.init)),
            ("process_resident_memory_bytes", "gauge", residentBytes.map(Double.init)),
        ]
        return lines.map { name, kind, value in
            value.map { "# TYPE \(name) \(kind)\n\(name) \(MetricName.number($0))\n" } ?? ""
        }.joined()
    }

    private static func file(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}
