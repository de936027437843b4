// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird
import MeshCore
import NIOCore

/// Answers with a stream of server-sent events.
package struct EventStreams: Sendable {
    package let registry: LiveRegistry
    package let bounds: EventStreamHandler.Bounds

    package init(registry: LiveRegistry, bounds: EventStreamHandler.Bounds) {
        (self.registry, self.bounds) = (registry, bounds)
    }

    /// Who comes, changes and goes, from behind the event `lastID`; from the start where that can't be resumed.
    func watch(in view: DeviceView, for reader: Reader, from lastID: String?, on channel: any Channel) -> Response {
        let feed = registry.presence
        let position = lastID.flatMap { id in feed.withLog { $0.position(of: id) } }
        let opening = position.map(StreamOpening.resumed(at:)) ?? .everything(registry, view)
        return response(on: channel, opening: opening) {
            handler(feed, topic: view.tag?.description) { [registry] in
                (try? registry.view(of: reader)) == view
            }
        }
    }

    /// What waits in a mailbox and what comes into it, from behind the event `lastID`.
    ///
    /// Where that can't be resumed, the reader is told that something may be missing, and gets all that is kept.
    func signals(_ feed: EventFeed, for reader: Reader, from lastID: String?, on channel: any Channel) -> Response {
        let opening: StreamOpening = feed.withLog { log in
            guard let lastID, !lastID.isEmpty else { return .resumed(at: log.oldest) }
            return log.position(of: lastID).map(StreamOpening.resumed(at:)) ?? .missed(at: log.oldest)
        }
        return response(on: channel, opening: opening) {
            handler(feed, topic: nil) { [registry] in
                (try? registry.view(of: Reader(signer: reader.signer, token: nil))) != nil
            }
        }
    }

    private func handler(
        _ feed: EventFeed,
        topic: String?,
        isAllowed: @Sendable @escaping () async -> Bool
    ) -> EventStreamHandler {
        EventStreamHandler(feed: feed, topic: topic, bounds: bounds, isAllowed: isAllowed)
    }

    /// The stream ends with its connection.
    private func response(
        on channel: any Channel,
        opening: StreamOpening,
        handler: @Sendable @escaping () -> EventStreamHandler
    ) -> Response {
        var response = Response(
            status: .ok,
            body: ResponseBody { writer in
                let loop = channel.eventLoop
                let handler = try await loop.submit {
                    let handler = handler()
                    try channel.pipeline.syncOperations.addHandler(handler)
                    return NIOLoopBound(handler, eventLoop: loop)
                }.get()
                let position = try await opening.write(to: &writer)
                loop.execute { handler.value.stream(from: position) }
                try await channel.closeFuture.get()
            }
        )
        response.headers[.contentType] = "text/event-stream"
        response.headers[.cacheControl] = "no-store"
        response.headers[.xContentTypeOptions] = "nosniff"
        // Proxies that keep answers back until they are whole are asked not to.
        if let name = HTTPField.Name("X-Accel-Buffering") { response.headers[name] = "no" }
        return response
    }
}

/// What a stream begins with, before the events of its feed.
private enum StreamOpening: Sendable {
    /// Nothing was missed but what the feed has behind a position.
    case resumed(at: UInt64)
    /// Something may have been missed that is no longer there.
    case missed(at: UInt64)
    /// All who are there.
    case everything(LiveRegistry, DeviceView)

    /// When a browser is to come back, in milliseconds, and a first sign that the stream is there.
    private static let start = "retry: 2000\n\n"

    /// Writes it, and says where in the feed to go on.
    @concurrent func write(to writer: inout any ResponseBodyWriter) async throws -> UInt64 {
        switch self {
        case .resumed(let position):
            try await writer.write(ByteBuffer(string: Self.start))
            return position
        case .missed(let position):
            try await writer.write(ByteBuffer(string: Self.start + Self.event(.resync, id: "")))
            return position
        case .everything(let registry, let view):
            return try await Self.tellEverything(of: registry, in: view, to: &writer)
        }
    }

    /// Writes all who are there, some at a time as the reader takes them.
    ///
    /// What happens in the meantime may be in it or not; it comes again with the events, in its order.
    @concurrent private static func tellEverything(
        of registry: LiveRegistry,
        in view: DeviceView,
        to writer: inout any ResponseBodyWriter
    ) async throws -> UInt64 {
        let start = registry.presence.withLog { (position: $0.head, id: $0.id(at: $0.head)) }
        var filter = DeviceFilter()
        filter.tag = view.tag
        try await writer.write(ByteBuffer(string: Self.start + event(.resync, id: "")))
        var after: RecordID?
        repeat {
            let (text, last) = await offLoop { [filter, after] in
                let page = registry.page(filter: filter, after: after, limit: 200)
                let text = page.records.map { event(.present, data: $0.json.description) }.joined()
                return (text, page.isCut ? page.records.last?.id : nil)
            }
            after = last
            try await writer.write(ByteBuffer(string: last == nil ? text + event(.synced, id: start.id) : text))
        } while after != nil
        return start.position
    }

    private static func event(_ name: WatchEvent, id: String? = nil, data: String = "{}") -> String {
        ServerSentEvent(id: id, name: name.rawValue, data: data).text
    }
}
