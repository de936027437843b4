// SPDX-License-Identifier: Apache-2.0

import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypesHTTP1

/// An HTTP connection whose requests are answered on the event loop that reads them.
///
/// A request that takes some microseconds is not worth two changes of thread. What takes long goes to the pool of
/// threads by itself, with ``offLoop(_:)``.
struct LoopChannel: ServerChildChannel {
    private let http: HTTP1Channel
    private let idleTime: TimeAmount
    private let shortcut: @Sendable (any Channel) -> ShortcutHandler?

    /// `shortcut` makes what stands in front of the rest of a connection, if anything; a connection that is not used for
    /// `idleTime` is closed.
    init(
        _ http: HTTP1Channel,
        idleTime: TimeAmount,
        shortcut: @Sendable @escaping (any Channel) -> ShortcutHandler?
    ) {
        (self.http, self.idleTime, self.shortcut) = (http, idleTime, shortcut)
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        http.setup(channel: channel, logger: logger).flatMapThrowing { value in
            var front: [any ChannelHandler] = [IdleStateHandler(allTimeout: idleTime), IdleConnectionHandler()]
            if let shortcut = shortcut(channel) { front.append(shortcut) }
            // Behind what reads HTTP/1, and before what turns that into the types of all versions.
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandlers(front, position: .before(pipeline.handler(type: HTTP1ToHTTPServerCodec.self)))
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await withTaskExecutorPreference(LoopExecutor(loop: value.channel.eventLoop)) {
            await http.handle(value: value, logger: logger)
        }
    }
}

/// Runs tasks on an event loop.
private final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Does work that would keep the other connections of an event loop waiting elsewhere.
func offLoop<Value: Sendable>(_ work: @Sendable () async throws -> Value) async rethrows -> Value {
    try await withTaskExecutorPreference(globalConcurrentExecutor, operation: work)
}
