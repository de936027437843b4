// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOHTTPTypes

/// Closes a connection that its address has too many of already.
final class ConnectionCountHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    private let limits: Limits
    private var slot: Limits.Slot?

    init(limits: Limits) {
        self.limits = limits
    }

    func handlerAdded(context: ChannelHandlerContext) {
        slot = limits.openConnection(from: Endpoint(remoteOf: context.channel))
        if slot == nil { context.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        if let slot { limits.closeConnection(slot) }
        slot = nil
    }
}
