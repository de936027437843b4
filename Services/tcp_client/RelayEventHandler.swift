// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Turns what the relay sends into events.
final class RelayEventHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let received: (RelayEvent) -> Void
    private let closed: (String) -> Void
    private var decoder = RelayEventDecoder()
    private var inbound = ByteBuffer()
    private var reason = "the connection was closed"

    init(received: @escaping (RelayEvent) -> Void, closed: @escaping (String) -> Void) {
        self.received = received
        self.closed = closed
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        inbound.append(arrived: unwrapInboundIn(data))
        do {
            while let event = try decoder.next(from: &inbound) { received(event) }
        } catch {
            reason = "the relay sent what is no message of this protocol"
            inbound.clear()
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        closed(reason)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? IOError { reason = String(cString: strerror(error.errnoCode)).lowercased() }
        context.close(promise: nil)
    }
}
