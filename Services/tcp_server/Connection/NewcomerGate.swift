// SPDX-License-Identifier: Apache-2.0

import DequeModule
import NIOCore

/// Hands connections that were accepted, on a thread of its own, to the hall: as many at once as it has room for.
///
/// Accepting has its own thread since what the kernel keeps of connections that nobody accepts is short: when thousands
/// come at once it would overflow while the hall is busy with the first of them, and somebody with a password among them
/// would try again a second later.
///
/// Those who come back with a ticket are guests for a moment only, if the hall hears them between one group and the next;
/// all at once they would find the places for guests taken by each other.
final class NewcomerGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    /// Between one group and the next, so that the hall's event loop comes to what the first have to say.
    private static let breath = TimeAmount.milliseconds(1)
    /// Until it is asked again whether there is room.
    private static let pause = TimeAmount.milliseconds(5)
    /// So often it is asked before somebody comes in all the same: to be told at least that there is none.
    private static let patience = 20

    /// Who may be accepted and wait; each has a file and takes memory.
    private let limit: Int
    /// How many the hall has room for; for its event loop.
    private let room: @Sendable () -> Int
    private var waiting: Deque<any Channel> = []
    /// Handed on, and perhaps not taken in yet.
    private var onTheirWay = 0
    private var isAsking = false
    private var asked = 0
    private var next = NIODeadline.now()

    init(limit: Int, room: @escaping @Sendable () -> Int) {
        (self.limit, self.room) = (limit, room)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        waiting.append(unwrapInboundIn(data))
        askForRoom(context)
    }

    func read(context: ChannelHandlerContext) {
        guard waiting.count + onTheirWay >= limit else { return context.read() }
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.read(context: context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        for channel in waiting { channel.close(promise: nil) }
        waiting = []
        context.fireChannelInactive()
    }

    private func askForRoom(_ context: ChannelHandlerContext) {
        guard !isAsking, let hall = waiting.first?.eventLoop else { return }
        isAsking = true
        let here = NIOLoopBound((gate: self, context: context), eventLoop: context.eventLoop)
        hall.scheduleTask(deadline: next) { [room] in
            let places = room()
            here.eventLoop.execute { here.value.gate.handOn(places, here.value.context) }
        }
    }

    private func handOn(_ places: Int, _ context: ChannelHandlerContext) {
        asked = places > 0 ? 0 : asked + 1
        let group = waiting.prefix(asked < Self.patience ? places : .max)
        waiting.removeFirst(group.count)
        onTheirWay = group.count
        next = .now() + (group.isEmpty ? Self.pause : Self.breath)
        for channel in group { context.fireChannelRead(wrapInboundOut(channel)) }
        guard let hall = group.first?.eventLoop else { return takenIn(context) }
        let here = NIOLoopBound((gate: self, context: context), eventLoop: context.eventLoop)
        hall.execute { here.eventLoop.execute { here.value.gate.takenIn(here.value.context) } }
    }

    private func takenIn(_ context: ChannelHandlerContext) {
        (onTheirWay, isAsking) = (0, false)
        askForRoom(context)
    }
}
