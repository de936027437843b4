// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import NIOCore

/// What the handlers of a guest are told; see ``DoorKeeper``.
enum DoorEvent: Sendable {
    /// The guest has to make room for another.
    case crowdedOut
}

/// Drives the ``DoorKeeper``: knows the channels, and says no to those who may not come in.
///
/// Belongs to the event loop that takes connections.
final class Door {
    private let addresses: CountedAddresses
    private let loginTime: TimeAmount
    private var keeper: DoorKeeper
    private var visitors: [ObjectIdentifier: DoorKeeper.Visitor] = [:]
    private var channels: [DoorKeeper.Visitor: any Channel] = [:]
    private var untold = 0
    private var told: NIODeadline?

    init(_ limits: DoorKeeper.Limits, counting addresses: CountedAddresses) {
        self.addresses = addresses
        loginTime = limits.loginTime
        keeper = DoorKeeper(limits: limits)
    }

    /// Lets a new connection in as a guest; or tells it why not, closes it, and gives false.
    func admit(_ channel: any Channel, _ logger: Logger) -> Bool {
        switch keeper.arrived(from: addresses.source(of: channel.remoteAddress), at: .now()) {
        case .refused(let refusal):
            tellOperator(of: refusal, channel, logger)
            count(refusal.cause)
            let words = channel.allocator.buffer(string: "\(refusal.words) Please try again later.\n")
            channel.writeAndFlush(words).whenComplete { _ in channel.close(promise: nil) }
            return false
        case .admitted(let visitor, let leaver):
            keep(visitor, channel)
            guard let leaver, let crowdedOut = channels[leaver] else { return true }
            count(.crowdedOut)
            crowdedOut.pipeline.fireUserInboundEventTriggered(DoorEvent.crowdedOut)
            return true
        }
    }

    /// How many newcomers there is room for at this moment.
    var room: Int { keeper.room }

    /// A guest's password is being checked.
    func checkStarted(_ channel: any Channel) {
        if let visitor = visitor(channel) { keeper.checkStarted(visitor) }
    }

    /// A guest was refused, and may try again.
    func checkFailed(_ channel: any Channel) {
        if let visitor = visitor(channel) { keeper.checkFailed(visitor) }
    }

    func loggedIn(_ channel: any Channel) {
        if let visitor = visitor(channel) { keeper.loggedIn(visitor) }
    }

    /// When a guest has to go, if its next attempt begins now.
    func deadline(of channel: any Channel) -> NIODeadline {
        let now = NIODeadline.now()
        return visitor(channel).map { keeper.deadline(of: $0, at: now) } ?? now + loginTime
    }

    private func visitor(_ channel: any Channel) -> DoorKeeper.Visitor? {
        visitors[ObjectIdentifier(channel)]
    }

    private func keep(_ visitor: DoorKeeper.Visitor, _ channel: any Channel) {
        let key = ObjectIdentifier(channel)
        visitors[key] = visitor
        channels[visitor] = channel
        channel.closeFuture.assumeIsolated().whenComplete { _ in
            self.visitors[key] = nil
            self.channels[visitor] = nil
            self.keeper.left(visitor)
        }
    }

    /// Once in a while: who is turned away must not be able to fill the log.
    private func tellOperator(of refusal: DoorKeeper.Refusal, _ channel: any Channel, _ logger: Logger) {
        untold += 1
        let now = NIODeadline.now()
        if let told, now - told < .seconds(10) { return }
        told = now
        let from = channel.remoteAddress?.endpoint ?? "?"
        logger.warning(
            "connections were refused",
            metadata: ["cause": "\(refusal.cause.rawValue)", "from": "\(from)", "since_last_told": "\(untold)"]
        )
        untold = 0
    }
}

extension DoorKeeper.Refusal {
    var cause: Refusal {
        switch self {
        case .full: .full
        case .tooManyGuests: .tooManyGuests
        case .tooManyFromAddress: .tooManyFromAddress
        case .tooManyGuestsFromAddress: .tooManyGuestsFromAddress
        }
    }

    fileprivate var words: String {
        switch self {
        case .full: "The server is full."
        case .tooManyGuests: "Too many are logging in."
        case .tooManyFromAddress: "There are too many connections from your address."
        case .tooManyGuestsFromAddress: "Too many are logging in from your address."
        }
    }
}
