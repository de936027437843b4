// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// What all connections share.
final class Surroundings {
    let rooms: Rooms
    let sessions: Sessions
    let authenticator: Authenticator
    let meters: PublishMeters
    let dialectTime: TimeAmount
    /// Whether clients of the lines dialect are told who comes and goes.
    let tellsLinesPresence: Bool

    init(
        rooms: Rooms,
        sessions: Sessions,
        authenticator: Authenticator,
        meters: PublishMeters,
        dialectTime: TimeAmount,
        tellsLinesPresence: Bool = false
    ) {
        self.rooms = rooms
        self.sessions = sessions
        self.authenticator = authenticator
        self.meters = meters
        self.dialectTime = dialectTime
        self.tellsLinesPresence = tellsLinesPresence
    }
}
