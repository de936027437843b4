// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

// How a connection ends: nothing that was to be said is lost.

extension RelayConnection {
    /// Sends what is waiting and then the end of our side.
    ///
    /// The client has a moment to close its own: closing at once while unread bytes are there would reset the
    /// connection and lose the last words.
    func end() {
        leave()
        guard let context else { return }
        inbound.clear()
        writeOutbound(context)
        whenAllIsWritten(context) {
            self.isFarewellWritten = true
            if self.isInputClosed { self.closeNow() } else { self.context?.close(mode: .output, promise: nil) }
        }
        if isReadHeld {
            isReadHeld = false
            context.read()
        }
        endDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(500)) { self.closeNow() }
    }

    /// The client sends nothing more, and what it published is acknowledged.
    ///
    /// What it was to be told is told, first.
    func finishInput() {
        guard !isFinishing else { return }
        isFinishing = true
        pumpAll()
    }

    /// Ends the session of a client that sends nothing more, when it has been written everything.
    ///
    /// Closing a connection whose other side is closed forgets what waits to be written.
    func finishIfWritten() {
        // While the channel is full there may be more in the log.
        guard isFinishing, let context, isWritable, !readers.contains(where: \.isReading) else {
            return
        }
        isFinishing = false
        whenAllIsWritten(context) {
            self.perform(self.session.inputClosed())
            self.flush()
        }
    }

    /// Calls `body` when all that was written is on its way, or the channel is closed.
    private func whenAllIsWritten(_ context: ChannelHandlerContext, _ body: @escaping () -> Void) {
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in body() }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
    }

    func closeNow() {
        context?.close(promise: nil)
    }
}
