// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Synchronization

/// What the handlers of a guest are told; see ``DoorKeeper``.
enum DoorEvent: Sendable {
    /// The guest has to make room for another.
    case crowdedOut
}

/// The ``DoorKeeper`` for two threads: the one that accepts connections asks who may come in, and the one that they live on
/// says what becomes of them.
final class Door: Sendable {
    private let addresses: CountedAddresses
    private let keeper: Mutex<DoorKeeper>

    init(_ limits: DoorKeeper.Limits, counting addresses: CountedAddresses) {
        self.addresses = addresses
        keeper = Mutex(DoorKeeper(limits: limits))
    }

    func arrived(
        from address: SocketAddress?,
        saying words: FirstWords,
        since: NIODeadline
    ) -> DoorKeeper.Arrival {
        let source = addresses.source(of: address)
        return keeper.withLock { $0.arrived(from: source, saying: words, since: since, at: .now()) }
    }

    /// How many places are taken, and how many of them by guests.
    var taken: (all: Int, guests: Int) { keeper.withLock(\.taken) }

    fileprivate func tell<Answer: Sendable>(_ body: (inout DoorKeeper) -> Answer) -> Answer {
        keeper.withLock { body(&$0) }
    }
}

/// A connection that was let in, from then on until it is closed.
struct Visit: Sendable {
    let door: Door
    let visitor: DoorKeeper.Visitor

    /// What it says is heard from now on.
    func tookIn() { door.tell { $0.tookIn(visitor, at: .now()) } }

    /// A guest's password is being checked, or will be in a moment.
    func checkStarted() { door.tell { $0.checkStarted(visitor) } }

    /// A guest was refused, and may try again.
    func checkFailed() { door.tell { $0.checkFailed(visitor) } }

    func loggedIn() { door.tell { $0.loggedIn(visitor) } }

    /// The connection is closed, or was never made; saying so twice does no harm.
    func ended() { door.tell { $0.left(visitor) } }

    /// When a guest has to go, if its next attempt begins now.
    var deadline: NIODeadline { door.tell { $0.deadline(of: visitor, at: .now()) } }
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

    var words: String {
        switch self {
        case .full: "The server is full."
        case .tooManyGuests: "Too many are logging in."
        case .tooManyFromAddress: "There are too many connections from your address."
        case .tooManyGuestsFromAddress: "Too many are logging in from your address."
        }
    }
}
