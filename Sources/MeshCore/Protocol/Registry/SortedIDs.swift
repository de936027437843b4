// SPDX-License-Identifier: Apache-2.0

/// Ids in their order, in runs of bounded length, so that one more costs about the same among a hundred thousand as among
/// a thousand.
struct SortedIDs: Sendable {
    /// A longer run is cut in two.
    private static let longest = 512

    /// None is empty, and each begins behind the end of the one before.
    private var runs: [[RecordID]] = []
    private(set) var count = 0

    /// The id must not be there yet.
    mutating func insert(_ id: RecordID) {
        count += 1
        guard !runs.isEmpty else {
            runs = [[id]]
            return
        }
        let run = index { $0[0] <= id }
        let place = Self.index(in: runs[run]) { $0 < id }
        runs[run].insert(id, at: place)
        guard runs[run].count > Self.longest else { return }
        let half = runs[run].count / 2
        let upper = Array(runs[run][half...])
        runs[run].removeSubrange(half...)
        runs.insert(upper, at: run + 1)
    }

    mutating func remove(_ id: RecordID) {
        guard !runs.isEmpty else { return }
        let run = index { $0[0] <= id }
        let place = Self.index(in: runs[run]) { $0 < id }
        guard place < runs[run].count, runs[run][place] == id else { return }
        runs[run].remove(at: place)
        count -= 1
        if runs[run].isEmpty { runs.remove(at: run) }
    }

    /// Gives those behind `last` to `take`, or all, until it has had enough.
    func forEach(after last: RecordID?, _ take: (RecordID) -> Bool) {
        guard !runs.isEmpty else { return }
        let first = last.map { last in index { $0[0] <= last } } ?? 0
        for run in runs[first...] {
            let place = last.map { last in Self.index(in: run) { $0 <= last } } ?? 0
            for id in run[place...] where !take(id) { return }
        }
    }

    /// The last run for which `isBefore` holds, or the first.
    private func index(_ isBefore: ([RecordID]) -> Bool) -> Int {
        max(Self.index(in: runs, isBefore) - 1, 0)
    }

    /// How many elements at the beginning `isBefore` holds for; it must hold for none behind those.
    private static func index<Element>(in elements: [Element], _ isBefore: (Element) -> Bool) -> Int {
        var (low, high) = (0, elements.count)
        while low < high {
            let middle = low + (high - low) / 2
            if isBefore(elements[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
