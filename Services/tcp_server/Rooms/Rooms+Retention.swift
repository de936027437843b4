// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOCore
import SwiftProtobuf

// What is let go: of the store by age and size, and of memory by size.

extension Rooms {
    /// Lets go of what is too old or too much, now and then.
    func startRetention() {
        loop.assumeIsolated().scheduleTask(in: .minutes(1)) {
            self.retain()
            self.startRetention()
        }
    }

    func retain() {
        sinceRetention = (0, 0)
        let loop = loop
        let rooms = NIOLoopBound(self, eventLoop: loop)
        store.retain(now: MessageTime(date: .now)) { result in
            loop.execute { rooms.value.retained(result) }
        }
    }

    private func retained(_ result: Result<[RoomName: UInt64], StoreFault>) {
        switch result {
        case .success(let firsts):
            for (name, first) in firsts { rooms[name]?.log.forget(before: first) }
        case .failure(let fault):
            logger.error("old messages can't be dropped", metadata: ["fault": "\(fault)"])
        }
    }

    /// A room's share of the memory.
    var roomMemory: Int { max(64 * 1_024, min(limits.roomMemory, limits.memory / max(rooms.count, 1))) }

    func trimAll() {
        guard rooms.count > limits.memory / limits.roomMemory, rooms.count.isMultiple(of: 64) else { return }
        for room in rooms.values { room.log.trim(to: roomMemory) }
    }
}
