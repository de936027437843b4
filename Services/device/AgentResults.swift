// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// What all that came at once makes an agent do, once for all of it.
struct AgentResults {
    private var texts: [String] = []
    private var notes: [DeviceID: ReceivedTexts] = [:]
    /// Of each device the last one, which counts for those before.
    private var acknowledgements: [DeviceID: UInt64] = [:]

    /// A line, or several.
    mutating func show(_ text: String) {
        texts.append(text)
    }

    mutating func takeTexts() -> [String] {
        defer { texts = [] }
        return texts
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
