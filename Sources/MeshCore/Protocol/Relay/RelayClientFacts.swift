// SPDX-License-Identifier: Apache-2.0

package import NIOCore
import SwiftProtobuf

extension RelayClient {
    /// What a person or a script wants.
    package enum Command: Equatable, Sendable {
        /// Say a text where one talks now.
        case say(String)
        /// Say a text to one person alone.
        case tell(AccountName, String)
        /// Be in a room, and talk there from now on; or, of someone's inbox, to that person alone.
        case join(RoomName)
        /// Leave a room; nil for where one talks now, from which one goes back to the lobby.
        case leave(RoomName?)
        /// Ask who is in a room; nil for where one talks now.
        case who(RoomName?)
        /// Ask for so many messages of where one talks now that are older than those that were shown.
        case history(limit: Int)
    }

    /// What the driver does, in this order.
    package enum Action: Equatable, Sendable {
        /// Connect, and answer with ``RelayClient/connected(at:)`` or ``RelayClient/disconnected(because:at:using:)``.
        case connect
        case send(RelayRequest)
        /// Close the connection; its end need not be told.
        case disconnect
        case show(Line)
        /// Ask for a name and a password, and answer with ``RelayClient/answered(user:password:at:)``.
        case askForCredentials
        /// Call ``RelayClient/timerFired(at:using:)`` at this time, instead of any that was set before.
        case setTimer(NIODeadline)
        /// The conversation is over. Nothing follows.
        case finish(Outcome)
    }

    /// What a person or a script is shown.
    ///
    /// `line` is the number of the typed line that it is about.
    package enum Line: Equatable, Sendable {
        case welcome(WireWelcome)
        /// The connection is back. What was typed meanwhile is on its way.
        case reconnected
        case message(WireMessage)
        /// A text is on its way to the relay.
        case sent(line: Int)
        /// The relay has a text.
        case accepted(line: Int, text: String, WireAccepted)
        /// The relay, or the machine itself, refused what was asked.
        case failed(line: Int, RelayRequest, because: String)
        /// What is typed is said there from now on.
        case talking(in: RoomName)
        case joined(WireJoined)
        case left(WireLeft)
        case people(WirePeople)
        case page(WirePage)
        case presence(WirePresence)
        case gap(WireGap)
        /// The relay's log is another one: what was missed of the old one is not to be had.
        case logLost
        /// The relay did not take the client back into a room.
        case shutOut(room: String)
        case refused(because: String)
        /// The connection is lost, or the relay too busy: it is tried again until the patience is at its end.
        case disconnected(because: String)
    }

    package enum Outcome: Equatable, Sendable {
        /// Everything typed was answered.
        case left
        case unreachable(String)
        /// The relay doesn't let the client in, at first or any more. So many texts were not accepted.
        case refused(String, unaccepted: Int)
        /// The connection was lost, and not found again within the patience. So many texts were not accepted.
        case lost(String, unaccepted: Int)
        /// The relay has another key than before. So many texts were not accepted.
        case distrusted(String, unaccepted: Int)
    }

    /// What a client may decide for itself.
    package struct Policy: Equatable, Sendable {
        package var reconnect = Backoff(shortest: .milliseconds(500), longest: .seconds(15))
        /// How long to look for a relay that was lost.
        package var patience: TimeAmount
        /// After this much silence the relay is asked whether it is there.
        package var pingAfter = TimeAmount.seconds(3)
        /// After this much it is taken for dead.
        package var deadAfter = TimeAmount.seconds(9)
        package var connectWithin = TimeAmount.seconds(10)
        package var passwords: Int
        /// Be told who comes and goes.
        package var wantsPresence = false
        /// Lines that wait for the relay's answer at the most; then ``RelayClient/takesLines`` is false.
        package var outbox = 1_000

        package init(patience: TimeAmount, passwords: Int) {
            self.patience = patience
            self.passwords = passwords
        }
    }
}
