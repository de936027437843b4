// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// What all that came at once makes an agent do, once for all of it.
struct AgentResults {
    private var texts: [String] = []
    private var textBytes = 0
    private var notes: [DeviceID: ReceivedTexts] = [:]
    /// Of each device the last one, which counts for those before.
    private var acknowledgements: [DeviceID: UInt64] = [:]

    /// A line, or several.
    mutating func show(_ text: String) {
        texts.append(text)
        textBytes += text.utf8.count
    }

    /// Whether there is so much to be shown that it should not wait for more.
    var isMuch: Bool { textBytes >= 256 * 1_024 }

    mutating func takeTexts() -> [String] {
        defer { (texts, textBytes) = ([], 0) }
        return texts
    }

    /// What could not be shown is neither noted nor acknowledged: it comes again.
    mutating func wereNotShown() {
        (notes, acknowledgements) = ([:], [:])
    }

    /// They could not be kept; newer ones count for them.
    mutating func wereNotNoted(_ notes: [DeviceID: ReceivedTexts]) {
        self.notes.merge(notes) { new, _ in new }
    }

    mutating func note(_ received: ReceivedTexts, from id: DeviceID) {
        notes[id] = received
    }

    mutating func takeNotes() -> [DeviceID: ReceivedTexts] {
        defer { notes = [:] }
        return notes
    }

    mutating func acknowledge(_ number: UInt64, to id: DeviceID) {
        acknowledgements[id] = number
    }

    /// Its connection is gone, and what was to be said on it.
    mutating func disconnected(_ id: DeviceID) {
        acknowledgements[id] = nil
    }

    mutating func takeAcknowledgements() -> [DeviceID: UInt64] {
        defer { acknowledgements = [:] }
        return acknowledgements
    }
}
