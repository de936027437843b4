// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a process uses, as the operating system says.
struct Usage {
    let processorNanoseconds: Int
    let residentBytes: Int
    /// What no other process shares: not the program's own text.
    let ownBytes: Int

    init(of process: Int32) {
        var (clock, time) = (clockid_t(), timespec())
        let isKnown = clock_getcpuclockid(process, &clock) == 0 && clock_gettime(clock, &time) == 0
        processorNanoseconds = isKnown ? time.tv_sec * 1_000_000_000 + time.tv_nsec : 0
        let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        func bytes(_ name: String) -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
            return (kibibytes ?? 0) * 1_024
        }
        (residentBytes, ownBytes) = (bytes("VmRSS"), bytes("RssAnon"))
    }
}
