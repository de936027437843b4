// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import Metrics
import NIOCore
import NIOPosix

extension Relay {
    /// The connections and the rooms, on their event loop.
    final class Hall {
        let surroundings: Surroundings
        let loop: any EventLoop
        var logger: Logger { relay.logger }
        private let relay: Relay
        private var connections: [DoorKeeper.Visitor: RelayConnection] = [:]
        private var channels: [DoorKeeper.Visitor: any Channel] = [:]

        init(relay: Relay, stored: StoredState, loop: any EventLoop) {
            self.relay = relay
            self.loop = loop
            let rooms = Rooms(
                loop: loop,
                store: relay.store,
                stored: stored,
                limits: relay.place.rooms,
                logger: relay.logger,
                accountExists: relay.authenticator.knows
            )
            rooms.startRetention()
            LoopLag(of: loop).watch()
            surroundings = Surroundings(
                rooms: rooms,
                sessions: Sessions(clientsPerAccount: relay.place.clientsPerAccount),
                authenticator: relay.authenticator,
                meters: PublishMeters(relay.place.publishRate),
                dialectTime: relay.place.dialectTime,
                tellsLinesPresence: relay.place.tellsLinesPresence
            )
        }

        /// Takes in who was let in at the gate.
        func takeIn(_ guests: [NewcomerGate.Guest]) {
            let here = NIOLoopBound(self, eventLoop: loop)
            for guest in guests {
                if let leaver = guest.insteadOf { crowdOut(leaver) }
                ClientBootstrap(group: loop)
                    .channelOption(.allowRemoteHalfClosure, value: true)
                    .channelOption(.socketOption(.so_keepalive), value: 1)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture { try here.value.admit(channel, guest.visit) }
                    }
                    .withConnectedSocket(guest.socket)
                    .whenFailure { _ in guest.visit.ended() }
            }
        }

        private func crowdOut(_ visitor: DoorKeeper.Visitor) {
            guard let channel = channels[visitor] else { return }
            count(.crowdedOut)
            channel.pipeline.fireUserInboundEventTriggered(DoorEvent.crowdedOut)
        }

        private func admit(_ channel: any Channel, _ visit: Visit) throws {
            let visitor = visit.visitor
            var logger = relay.logger
            logger[metadataKey: "connection"] = "\(visitor)"
            channels[visitor] = channel
            visit.tookIn()
            Traffic.connections(nil).increment()
            channel.closeFuture.assumeIsolated().whenComplete { _ in
                visit.ended()
                self.channels[visitor] = nil
                Traffic.connections(self.connections.removeValue(forKey: visitor)?.dialect).decrement()
            }
            logger.debug("accepted", metadata: ["from": "\(channel.remoteAddress?.description ?? "?")"])
            let takesPasswords = relay.place.takesPasswords(from: channel.remoteAddress)
            let handler = FirstBytesHandler(
                place: .outside(relay.certificate.context),
                entrance: Entrance(
                    visit: visit,
                    privacy: takesPasswords ? .mayTakePasswords : .needsTLS,
                    surroundings: surroundings,
                    origins: relay.place.origins,
                    logger: logger
                ) { self.adopt($0, visitor) }
            )
            try channel.pipeline.syncOperations.addHandler(handler)
        }

        /// A connection's dialect is known.
        private func adopt(_ connection: RelayConnection, _ visitor: DoorKeeper.Visitor) {
            // It may have closed while its pipeline was built.
            guard channels[visitor] != nil else { return }
            connections[visitor] = connection
            Traffic.connections(nil).decrement()
            Traffic.connections(connection.dialect).increment()
        }

        /// Tells everyone, and gives the number of those told when all connections are closed.
        func shutDown() -> EventLoopFuture<Int> {
            let told = connections.count
            let closed = EventLoopFuture.andAllComplete(channels.values.map(\.closeFuture), on: loop)
            for (visitor, channel) in channels where connections[visitor] == nil { channel.close(promise: nil) }
            // Not all at the same moment: they are to come back spread over some seconds.
            for connection in connections.values {
                connection.shutDown(retryAfter: .milliseconds(.random(in: 500...5_000)))
            }
            return closed.map { told }
        }
    }
}
