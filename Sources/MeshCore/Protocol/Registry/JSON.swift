// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A JSON text as a value (RFC 8259), for bodies whose fields are to be checked one by one: which of them is at fault is
/// told to the sender.
package enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// Reads a whole text.
    ///
    /// Total: any bytes are a value or a fault.
    package init(parsing bytes: some Collection<UInt8>) throws(JSONFault) {
        do {
            self = try JSONDecoder().decode(JSON.self, from: Data(bytes))
        } catch let fault as JSONFault {
            throw fault
        } catch {
            throw .malformed
        }
    }

    package var integer: Int? {
        if case .integer(let value) = self { value } else { nil }
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// No body of ours is nested deeper than this.
    fileprivate static let deepest = 16
}

/// What makes bytes no JSON text that is read here.
package enum JSONFault: Error, Equatable, Sendable, CustomStringConvertible {
    case malformed
    case tooDeep(limit: Int)

    package var description: String {
        switch self {
        case .malformed: "it is no JSON in UTF-8"
        case .tooDeep(let limit): "it is nested more than \(limit) deep"
        }
    }
}

extension JSON: Codable {
    package init(from decoder: any Decoder) throws {
        guard decoder.codingPath.count <= Self.deepest else { throw JSONFault.tooDeep(limit: Self.deepest) }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if (try? decoder.unkeyedContainer()) != nil {
            self = .array(try container.decode([JSON].self))
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let values): try container.encode(values)
        case .object(let members): try container.encode(members)
        }
    }
}

/// The text, compact, with the keys in order, so that equal values are equal texts.
extension JSON: CustomStringConvertible {
    package var description: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Encoding fails only for a number that is none, which no text has and we don't make.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }
}
