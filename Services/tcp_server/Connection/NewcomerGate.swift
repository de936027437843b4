// SPDX-License-Identifier: Apache-2.0

import DequeModule
import Logging
import MeshCore
import NIOCore

/// Lets connections in that were accepted, as the door says, or turns them away, on a thread of its own.
///
/// What the kernel keeps of connections that nobody accepts is short: when thousands come at once it would overflow while
/// the hall is busy with the first of them. And to turn somebody away here takes a small part of what it takes to have them
/// in the hall: those who have a login do not wait behind those who have not.
final class NewcomerGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias OutboundIn = Never

    /// Who is let in, for the hall.
    struct Guest: Sendable {
        let socket: NIOBSDSocket.Handle
        let visit: Visit
        /// Who has to make room for it.
        let insteadOf: DoorKeeper.Visitor?
    }

    /// Who is let in, and not handed on yet.
    private struct Admitted {
        let newcomer: Newcomer
        let visit: Visit
        let insteadOf: DoorKeeper.Visitor?
    }

    /// Until those who wait are looked at again.
    private static let pause = TimeAmount.milliseconds(5)
    /// As many at once are handed on.
    private static let group = 32
    /// Between one group and the next, so that the hall comes to what the first have to say, and to everyone else.
    private static let breath = TimeAmount.milliseconds(1)

    /// How many may wait; each has a file and takes memory.
    private let limit: Int
    private let door: Door
    /// Whether a login that comes unencrypted from there is of any use.
    private let takesPasswords: @Sendable (SocketAddress?) -> Bool
    private let hall: any EventLoop
    /// Called on the hall's event loop.
    private let takeIn: @Sendable ([Guest]) -> Void
    private let logger: Logger
    private var waiting: [Newcomer] = []
    private var isLookDue = false
    /// Those with a login go first.
    private var logins: Deque<Admitted> = []
    private var others: Deque<Admitted> = []
    private var isHandingOn = false
    private var nextHearing = NIODeadline.now()
    private var buffer = ByteBuffer()
    private var untold = 0
    private var told: NIODeadline?

    init(
        limit: Int,
        door: Door,
        takesPasswords: @escaping @Sendable (SocketAddress?) -> Bool,
        hall: any EventLoop,
        logger: Logger,
        takeIn: @escaping @Sendable ([Guest]) -> Void
    ) {
        (self.limit, self.door, self.takesPasswords) = (limit, door, takesPasswords)
        (self.hall, self.logger, self.takeIn) = (hall, logger, takeIn)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let newcomer = Newcomer(unwrapInboundIn(data))
        if !letIn(newcomer) { waiting.append(newcomer) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        handOn(context)
        lookAgain(context)
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        guard waiting.count >= limit else { return context.read() }
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.read(context: context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        for newcomer in waiting + (logins + others).map(\.newcomer) { newcomer.close() }
        (waiting, logins, others) = ([], [], [])
        context.fireChannelInactive()
    }

    /// Whether it is decided, in either way.
    private func letIn(_ newcomer: Newcomer) -> Bool {
        let words = firstWords(of: newcomer)
        if words == .login { hearOthers() }
        switch door.arrived(from: newcomer.address, saying: words, since: newcomer.arrived) {
        case .waits:
            return false
        case .refused(let refusal):
            count(refusal.cause)
            tellOperator(of: refusal, newcomer.address)
            newcomer.refuse("\(refusal.words) Please try again later.\n", &buffer)
        case .admitted(let visitor, let leaver):
            let visit = Visit(door: door, visitor: visitor)
            let isGone = leaver.map(turnsAway) ?? false
            let admitted = Admitted(newcomer: newcomer, visit: visit, insteadOf: isGone ? nil : leaver)
            if words == .login { logins.append(admitted) } else { others.append(admitted) }
        }
        return true
    }

    private func firstWords(of newcomer: Newcomer) -> FirstWords {
        let words = newcomer.firstWords(&buffer)
        return words == .login && !takesPasswords(newcomer.address) ? .other : words
    }

    /// Who came in before it spoke may have a login now, and need not make room for another.
    private func hearOthers() {
        let now = NIODeadline.now()
        guard now >= nextHearing, !others.isEmpty else { return }
        nextHearing = now + Self.pause
        others.removeAll { admitted in
            guard firstWords(of: admitted.newcomer) == .login else { return false }
            admitted.visit.checkStarted()
            logins.append(admitted)
            return true
        }
    }

    /// Whether it was still here who has to make room.
    private func turnsAway(_ visitor: DoorKeeper.Visitor) -> Bool {
        guard let index = others.firstIndex(where: { $0.visit.visitor == visitor }) else { return false }
        let leaver = others.remove(at: index)
        leaver.visit.ended()
        count(.crowdedOut)
        leaver.newcomer.refuse("\(DoorKeeper.Refusal.tooManyGuests.words) Please try again later.\n", &buffer)
        return true
    }

    private func lookAgain(_ context: ChannelHandlerContext) {
        guard !isLookDue, !waiting.isEmpty else { return }
        isLookDue = true
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) {
            self.isLookDue = false
            self.waiting.removeAll { self.letIn($0) }
            self.handOn(context)
            self.lookAgain(context)
        }
    }

    private func handOn(_ context: ChannelHandlerContext) {
        guard !isHandingOn else { return }
        hearOthers()
        var group: [Guest] = []
        while group.count < Self.group, let admitted = logins.popFirst() ?? others.popFirst() {
            if let socket = admitted.newcomer.handOver() {
                group.append(Guest(socket: socket, visit: admitted.visit, insteadOf: admitted.insteadOf))
            } else {
                count(.full)
                admitted.visit.ended()
            }
        }
        guard !group.isEmpty else { return }
        isHandingOn = true
        let here = NIOLoopBound((gate: self, context: context), eventLoop: context.eventLoop)
        hall.execute { [hall, takeIn, group] in
            takeIn(group)
            hall.scheduleTask(in: Self.breath) {
                here.eventLoop.execute {
                    here.value.gate.isHandingOn = false
                    here.value.gate.handOn(here.value.context)
                }
            }
        }
    }

    /// Once in a while: who is turned away must not be able to fill the log.
    private func tellOperator(of refusal: DoorKeeper.Refusal, _ address: SocketAddress?) {
        untold += 1
        let now = NIODeadline.now()
        if let told, now - told < .seconds(10) { return }
        told = now
        logger.warning(
            "connections were refused",
            metadata: [
                "cause": "\(refusal.cause.rawValue)", "from": "\(address?.endpoint ?? "?")",
                "since_last_told": "\(untold)",
            ]
        )
        untold = 0
    }
}
