// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Bounds what a connection of a browser, or of who says to be one, may send before it has logged in: bytes that are
/// no whole request and no whole frame yet.
///
/// Whole ones are counted by who takes them.
final class WebBudget: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Too much has come.
    struct Exceeded: Error {}

    private var pending = 0
    /// Nil for no bound but the decoder's own.
    private var limit: () -> Int?
    private var isExceeded = false

    init(limit: Int) {
        self.limit = { limit }
    }

    /// `limit` is asked from now on.
    func goOn(with limit: @escaping () -> Int?) {
        self.limit = limit
    }

    /// So many bytes were taken.
    func taken(_ bytes: Int) {
        pending -= min(bytes, pending)
    }

    func takenAll() {
        pending = 0
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isExceeded else { return }
        pending += unwrapInboundIn(data).readableBytes
        context.fireChannelRead(data)
        guard let limit = limit(), pending > limit else { return }
        isExceeded = true
        context.fireErrorCaught(Exceeded())
    }
}
