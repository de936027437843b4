// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import MeshAdmin
import MeshCore
import NIOCore
import Synchronization

/// What the operator's commands ask of a server that runs.
func operatorRoutes(of registry: LiveRegistry) -> [AdminRoute] {
    [
        AdminRoute("GET", "/keys") { _ in .json(JSON.array(registry.keys.map { Grant.key($0).json }).description)
        },
        AdminRoute("POST", "/keys") { request in
            await answering { try await AccessOrder(request.query).makeKey(in: registry) }
        },
        AdminRoute("DELETE", "/keys/*") { request in
            await answering { "\(try await registry.revokeKey(request.last).hash.short)" }
        },
        AdminRoute("GET", "/tokens") { _ in
            .json(JSON.array(registry.tokens.map { Grant.token($0).json }).description)
        },
        AdminRoute("POST", "/tokens") { request in
            await answering { try await AccessOrder(request.query).makeToken(in: registry) }
        },
        AdminRoute("DELETE", "/tokens/*") { request in
            await answering { "\(try await registry.revokeToken(request.last).hash.short)" }
        },
        AdminRoute("GET", "/devices") { _ in
            let page = registry.page(filter: DeviceFilter(), after: nil, limit: .max)
            return .json(JSON.array(page.records.map(\.json)).description)
        },
        AdminRoute("GET", "/watch") { _ in
            AdminAnswer(status: 200, mediaType: "text/event-stream", body: .stream(watchStream(of: registry)))
        },
        AdminRoute("DELETE", "/devices/*") { request in
            await answering {
                guard let id = RecordID(request.last) else { throw AccessFault.unknown(request.last) }
                try await registry.takeOut(id)
                return id.description
            }
        },
    ]
}

/// Who is there, and then what happens.
private func watchStream(of registry: LiveRegistry) -> AsyncStream<String> {
    let start = Mutex<UInt64?>(nil)
    return AsyncStream {
        guard let position = start.withLock({ $0 }) else {
            let head = registry.presence.withLog { $0.head }
            start.withLock { $0 = head }
            let page = registry.page(filter: DeviceFilter(), after: nil, limit: .max)
            let present = page.records.map { ServerSentEvent(name: "present", data: $0.json.description).text }.joined()
            return ServerSentEvent(id: "", name: "resync", data: "{}").text + present
                + ServerSentEvent(name: "synced", data: "{}").text
        }
        while !Task.isCancelled {
            switch registry.presence.part(after: position, topic: nil, limit: 64 * 1_024) {
            case .events(let bytes, let end):
                start.withLock { $0 = end }
                return String(buffer: bytes)
            case .nothing: await registry.presence.grows(beyond: position)
            case .gone: return nil
            }
        }
        return nil
    }
}

/// The order to make a key or a token, as the commands send it.
struct AccessOrder: Equatable, Sendable {
    var isReusable = false
    var tag: DeviceTag?
    /// In seconds.
    var life: Int64 = 86_400

    init() {}

    init(_ query: [String: String]) {
        isReusable = query["reusable"] == "true"
        tag = query["tag"].flatMap { DeviceTag($0) }
        life = query["life"].flatMap { Int64($0) } ?? life
    }

    var query: [String: String] {
        var query = ["reusable": "\(isReusable)", "life": "\(life)"]
        query["tag"] = tag?.description
        return query
    }

    /// The secret, which is shown this once.
    func makeKey(in registry: LiveRegistry) async throws -> String {
        try await registry.makeKey(isReusable: isReusable, tag: tag, life: TimeInterval(life)).secret.text
    }

    func makeToken(in registry: LiveRegistry) async throws -> String {
        try await registry.makeToken(tag: tag, life: TimeInterval(life)).secret.text
    }
}

private func answering(_ body: () async throws -> String) async -> AdminAnswer {
    do {
        return .text(try await body())
    } catch let fault as AccessFault {
        return .problem(404, "\(fault)")
    } catch let refusal as RegistryRefusal {
        return .problem(404, "\(refusal)")
    } catch let fault as StoreFault {
        return .problem(503, "it can't be kept: \(fault)")
    } catch {
        return .problem(500, "\(error)")
    }
}
