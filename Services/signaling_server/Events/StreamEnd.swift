// SPDX-License-Identifier: Apache-2.0

import Metrics

/// Why the server ends a stream.
package enum StreamEnd: String, Sendable {
    /// The reader took nothing for too long.
    case slow
    /// What the reader has not been given is no longer kept.
    case behind
    /// The reader may no longer read: it was put out, or its token has ended.
    case revoked
    /// The server is told to stop.
    case stopping

    func count() {
        Counter(label: "signaling_streams_ended", dimensions: [("reason", rawValue)]).increment()
    }
}
