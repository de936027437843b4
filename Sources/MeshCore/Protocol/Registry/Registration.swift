// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// What a device says of itself when it registers: an id, and what else others may know.
///
/// One that was read from JSON is checked; whoever makes one up has it checked by the server.
///
/// ```
/// {"id": "laptop", "ip": "192.0.2.7", "port": 9000, "name": "Ann's laptop", "addresses": ["192.0.2.7:9000"],
///  "ttl": 60, "metadata": {"role": "build"}}
/// ```
package struct Registration: Equatable, Sendable {
    package let id: RecordID
    /// The address, an IP literal, that the device wants to be reached at; where it names none, the observed one counts.
    package var ip: String?
    /// The TCP port that the device listens on.
    package var port: UInt16?
    /// What people call the device.
    package var name: String?
    /// Where the device may be reached, in the order in which to try.
    package var addresses: [Endpoint]
    /// How long the record lives without a sign of life; nil leaves that to the server.
    package var ttl: TimeAmount?
    package var metadata: [String: String]

    /// Nothing but an id: the earlier form of registering.
    package init(id: RecordID) {
        (self.id, ip, port, name, addresses, ttl, metadata) = (id, nil, nil, nil, [], nil, [:])
    }

    /// Checks the members of a JSON object.
    ///
    /// Members that it doesn't know are left alone; `null` is as good as absent.
    package init(_ json: JSON) throws(RegistrationFault) {
        guard case .object(let members) = json else { throw .notAnObject }
        let fields = RegistrationFields(members: members)
        guard let id = try fields.id() else { throw .missing(.id) }
        self.id = id
        ip = try fields.ip()
        port = try fields.port()
        name = try fields.name()
        addresses = try fields.addresses()
        ttl = try fields.ttl()
        metadata = try fields.metadata()
    }

    /// Reads a request's body.
    package init(parsing body: some Collection<UInt8>) throws(RegistrationFault) {
        let json: JSON
        do { json = try JSON(parsing: body) } catch { throw .notJSON(error) }
        try self.init(json)
    }

    /// The members of the JSON form that are there.
    package var json: [String: JSON] {
        var members: [String: JSON] = ["id": .string(id.description)]
        members["ip"] = ip.map(JSON.string)
        members["port"] = port.map { .integer(Int($0)) }
        members["name"] = name.map(JSON.string)
        members["ttl"] = ttl.map { .integer(Int($0.nanoseconds / 1_000_000_000)) }
        if !addresses.isEmpty { members["addresses"] = .array(addresses.map { .string($0.description) }) }
        if !metadata.isEmpty { members["metadata"] = .object(metadata.mapValues(JSON.string)) }
        return members
    }
}

/// The members of a registration.
package enum RegistrationField: String, Sendable {
    case id, ip, port, name, addresses, ttl, metadata
}

/// Why a body is no registration.
package enum RegistrationFault: Error, Equatable, Sendable {
    case notJSON(JSONFault)
    case notAnObject
    case missing(RegistrationField)
    case invalid(RegistrationField)

    /// The member at fault; nil where it is the whole body.
    package var field: RegistrationField? {
        switch self {
        case .notJSON, .notAnObject: nil
        case .missing(let field), .invalid(let field): field
        }
    }
}

extension RegistrationFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notJSON(let fault): "the body can't be read: \(fault)"
        case .notAnObject: "the body must be a JSON object, such as {\"id\": \"laptop\", \"port\": 9000}"
        case .missing(let field): "\(field.rawValue) is missing: \(field.rule)"
        case .invalid(let field): "\(field.rawValue) is not valid: \(field.rule)"
        }
    }
}

extension RegistrationField {
    private typealias Limits = RegistrationLimits

    /// What a valid one looks like.
    fileprivate var rule: String {
        switch self {
        case .id: "it must be 1 to 64 letters, digits and . _ -, but not watch"
        case .ip: "it must be an IPv4 or IPv6 address"
        case .port: "it must be a whole number from 1 to 65535"
        case .name: "it must be 1 to \(Limits.name) bytes of printable text"
        case .addresses: "it must be a list of at most \(Limits.addresses) addresses, such as 192.0.2.7:9000"
        case .ttl: "it must be a whole number of seconds from \(Limits.ttl.lowerBound) to \(Limits.ttl.upperBound)"
        case .metadata:
            "it must be an object of at most \(Limits.metadata) texts, the keys of 1 to \(Limits.metadataKey) bytes, the "
                + "values of at most \(Limits.metadataValue), printable"
        }
    }
}
