// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Synchronization

/// With whom this device has sessions at the moment: the agent says it here, and the registry is told of it.
final class SessionBoard: Sendable {
    /// An element after each change, or after several.
    let changes: AsyncStream<Void>
    private let sink: AsyncStream<Void>.Continuation
    private let sessions = Mutex<[DeviceID: SessionPath]>([:])

    init() {
        (changes, sink) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func show(_ now: [DeviceID: SessionPath]) {
        let isNew = sessions.withLock { sessions in
            defer { sessions = now }
            return sessions != now
        }
        if isNew { sink.yield() }
    }

    /// What the registry is told: some of them, where there are more than it takes.
    var report: SessionReport {
        let all = sessions.withLock { $0 }
        let some = all.sorted { $0.key < $1.key }.prefix(SessionReport.maximum)
        return SessionReport(Dictionary(some.map { ($0.key, $0.value) }) { $1 })
    }
}
