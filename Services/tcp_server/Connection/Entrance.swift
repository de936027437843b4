// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore

/// What a new connection is told on its way in, whichever handlers it passes through.
struct Entrance {
    let visit: Visit
    var privacy: RelaySession.Privacy
    let surroundings: Surroundings
    let origins: OriginRule
    let logger: Logger
    /// Is told of the connection that comes of it.
    let adopt: (RelayConnection) -> Void

    /// The last of the handlers.
    func makeConnection(_ dialect: Dialect) -> RelayConnection {
        let connection = RelayConnection(
            dialect: dialect,
            visit: visit,
            privacy: privacy,
            surroundings: surroundings,
            logger: logger
        )
        adopt(connection)
        return connection
    }
}
