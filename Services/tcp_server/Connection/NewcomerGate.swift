// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// Connections that were accepted, on a thread of its own, and that the hall has not taken in yet.
///
/// Accepting has its own thread since what the kernel keeps of connections that nobody accepts is short: when thousands
/// come at once it would overflow while the hall is busy with the first of them, and somebody with a password among them
/// would try again a second later.
final class Newcomers: Sendable {
    private let limit: Int
    private let count = Atomic(0)

    init(limit: Int) {
        self.limit = limit
    }

    var areTooMany: Bool { count.load(ordering: .relaxed) >= limit }

    func accepted() {
        count.add(1, ordering: .relaxed)
    }

    func takenIn() {
        count.subtract(1, ordering: .relaxed)
    }
}

/// Keeps the thread that accepts connections from running too far ahead of the hall: each has a file and takes memory.
final class NewcomerGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private static let pause = TimeAmount.milliseconds(5)

    private let newcomers: Newcomers

    init(_ newcomers: Newcomers) {
        self.newcomers = newcomers
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let newcomers = newcomers
        newcomers.accepted()
        // It is taken in by what its event loop does next.
        unwrapInboundIn(data).eventLoop.execute { newcomers.takenIn() }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        guard newcomers.areTooMany else { return context.read() }
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.read(context: context) }
    }
}
