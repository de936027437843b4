// SPDX-License-Identifier: Apache-2.0

import MeshAdmin
package import MeshCore

/// What a request asks for.
package enum Route: Equatable, Sendable {
    case health
    case ready
    case file(CarriedFile)
    /// A registration in the body.
    case register
    /// The earlier form: an id in the query and nothing else.
    case registerID(RecordID)
    case devices([String: String])
    case device(RecordID)
    /// The stream of what happens to the list.
    case watch
    /// The stream of what was sent to a device.
    case mailbox(RecordID)
    /// A message to a device.
    case signal(RecordID)
    case remove(RecordID)
    case heartbeat(RecordID)

    /// Finds the route; a `HEAD` is a `GET`.
    package init(method: String, target: String) throws(RequestFault) {
        guard let target = RequestTarget(target) else { throw .target }
        let path = target.path
        switch path.count {
        case 1 where path[0] == "healthz": self = try Self.only(["GET": .health], method)
        case 1 where Self.files[path[0]] != nil:
            self = try Self.only(["GET": .file(Self.files[path[0], default: .page])], method)
        case 1 where path[0] == "readyz": self = try Self.only(["GET": .ready], method)
        case 1 where path[0] == "devices": self = try Self.only(["GET": .devices(target.query)], method)
        case 1 where path[0] == "register": self = try Self.register(method, id: target.query["id"])
        case 2 where path == ["devices", "watch"]: self = try Self.only(["GET": .watch], method)
        case 2 where path[0] == "devices":
            let id = try Self.id(path[1])
            self = try Self.only(["GET": .device(id), "DELETE": .remove(id)], method)
        case 3 where path[0] == "devices" && path[2] == "heartbeat":
            self = try Self.only(["POST": .heartbeat(try Self.id(path[1]))], method)
        case 3 where path[0] == "devices" && path[2] == "signals":
            let id = try Self.id(path[1])
            self = try Self.only(["GET": .mailbox(id), "POST": .signal(id)], method)
        default: throw .noSuchPath
        }
    }

    private static let files: [String: CarriedFile] = [
        "": .page, "page.css": .style, "page.js": .script, "openapi.json": .description,
    ]

    /// Whether it changes what others see.
    package var isChange: Bool {
        switch self {
        case .health, .ready, .file, .devices, .device, .watch, .mailbox: false
        case .register, .registerID, .remove, .heartbeat, .signal: true
        }
    }

    private static func register(_ method: String, id: String?) throws(RequestFault) -> Route {
        guard let id else { return try only(["POST": .register], method) }
        guard let id = RecordID(id) else { throw .registration(.invalid(.id)) }
        return try only(["GET": .registerID(id), "POST": .registerID(id)], method)
    }

    private static func only(
        _ routes: KeyValuePairs<String, Route>,
        _ method: String
    ) throws(RequestFault) -> Route {
        let method = method == "HEAD" ? "GET" : method
        guard let route = routes.first(where: { $0.key == method }) else {
            throw .method(allowed: routes.map(\.key).sorted())
        }
        return route.value
    }

    private static func id(_ text: String) throws(RequestFault) -> RecordID {
        guard let id = RecordID(text) else { throw .noSuchPath }
        return id
    }
}

/// What is wrong with a request, whoever sends it.
package enum RequestFault: Error, Equatable, Sendable {
    case target
    case noSuchPath
    case method(allowed: [String])
    case query(String)
    case registration(RegistrationFault)
    case mediaType
    /// In bytes.
    case tooLong(limit: Int)
    /// What should be a signal is no JSON.
    case signal(JSONFault)
    case enrollmentKey
    /// The body did not come in time, or not whole.
    case brokenOff

    /// Whether some of the body may still be on its way.
    var leavesBody: Bool {
        switch self {
        case .tooLong, .brokenOff: true
        case .target, .noSuchPath, .method, .query, .registration, .mediaType, .signal, .enrollmentKey: false
        }
    }
}
