// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOHTTPTypes

/// Closes a connection that its address has too many of already; a trusted proxy, which speaks for many, may have any
/// number.
final class ConnectionCountHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    private let limits: Limits
    private let proxies: ProxyChain
    private var slot: Limits.Slot?

    init(limits: Limits, proxies: ProxyChain) {
        (self.limits, self.proxies) = (limits, proxies)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let remote = Endpoint(remoteOf: context.channel)
        if let remote, proxies.isTrusted(remote) { return }
        slot = limits.openConnection(from: remote)
        if slot == nil { context.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        if let slot { limits.closeConnection(slot) }
        slot = nil
    }
}
