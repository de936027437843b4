// SPDX-License-Identifier: Apache-2.0

import Foundation
import NIOCore

/// Where each message of a row came from: its author's session and the id that the client gave it.
///
/// For each message 8 bytes of the session, big-endian, a byte for the length of the id, and the id.
struct Origins {
    let sessions: [UInt64]
    let ids: [String]

    init(sessions: [UInt64], ids: [String]) {
        self.sessions = sessions
        self.ids = ids
    }

    init?(_ bytes: Data) {
        var buffer = ByteBuffer(bytes: bytes)
        var sessions: [UInt64] = []
        var ids: [String] = []
        while buffer.readableBytes > 0 {
            guard let session: UInt64 = buffer.readInteger(),
                let id = buffer.readLengthPrefixedSlice(as: UInt8.self)
            else { return nil }
            sessions.append(session)
            ids.append(String(buffer: id))
        }
        self.init(sessions: sessions, ids: ids)
    }

    var encoded: Data {
        var buffer = ByteBuffer()
        for (session, id) in zip(sessions, ids) {
            buffer.writeInteger(session)
            buffer.writeInteger(UInt8(truncatingIfNeeded: id.utf8.count))
            buffer.writeString(id)
        }
        return Data(buffer.readableBytesView)
    }
}
