// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import MeshProgram

/// What a file `.env.<number>` says of a device: `ID`, `TCP_PORT`, `UDP_PORT` and `MASTER`, a line each.
struct NodeFile: Equatable, Sendable {
    let id: String
    let tcpPort: UInt16
    let udpPort: UInt16
    let isMaster: Bool

    /// The file of a number in the current directory; what the environment says counts more.
    init(number: UInt16, environment: [String: String]) throws(ProgramFailure) {
        let path = ".env.\(number)"
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw ProgramFailure(
                .configuration,
                "can't read \(path): 'device \(number)' needs that file with ID, TCP_PORT, UDP_PORT and MASTER"
            )
        }
        let lines = Self.values(in: String(decoding: bytes, as: UTF8.self))
        do throws(NodeFileFault) {
            try self.init(lines.merging(environment.filter { Self.keys.contains($0.key) }) { $1 })
        } catch {
            throw ProgramFailure(.configuration, "\(path): \(error)")
        }
    }

    init(_ values: [String: String]) throws(NodeFileFault) {
        id = try Self.value("ID", in: values, "a name of at most \(PeerLimits.name) bytes") { text in
            (try? text.checkText(limit: PeerLimits.name)) != nil && text.printable == text ? text : nil
        }
        tcpPort = try Self.value("TCP_PORT", in: values, "a port") { UInt16($0) }
        udpPort = try Self.value("UDP_PORT", in: values, "a port") { UInt16($0) }
        isMaster = try Self.value("MASTER", in: values, "true or false") { truths[$0.lowercased()] }
    }

    /// The lines `NAME=value`, with or without quotes and `export`; what follows `#` at the start of a line is passed
    /// over.
    static func values(in text: String) -> [String: String] {
        var values: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            var line = line.drop(while: \.isWhitespace)
            if line.hasPrefix("export ") { line = line.dropFirst(7) }
            guard !line.hasPrefix("#"), let sign = line.firstIndex(of: "=") else { continue }
            let name = line[..<sign].filter { !$0.isWhitespace }
            var value = line[line.index(after: sign)...].drop(while: \.isWhitespace)
            while value.last?.isWhitespace == true { value = value.dropLast() }
            for quote in ["\"", "'"] where value.count >= 2 && value.hasPrefix(quote) && value.hasSuffix(quote) {
                value = value.dropFirst().dropLast()
            }
            values[String(name)] = String(value)
        }
        return values
    }

    private static func value<Value>(
        _ name: String,
        in values: [String: String],
        _ form: String,
        _ parse: (String) -> Value?
    ) throws(NodeFileFault) -> Value {
        guard let text = values[name] else { throw .missing(name) }
        guard let value = parse(text) else { throw .invalid(name, form) }
        return value
    }

    private static let keys: Set<String> = ["ID", "TCP_PORT", "UDP_PORT", "MASTER"]
}

private let truths = ["true": true, "1": true, "yes": true, "false": false, "0": false, "no": false, "": false]

/// Why a `.env` file says nothing of a device.
enum NodeFileFault: Error, Equatable, CustomStringConvertible {
    case missing(String)
    case invalid(String, String)

    var description: String {
        switch self {
        case .missing(let name): "\(name) is missing: add a line \(name)=…"
        case .invalid(let name, let form): "\(name) must be \(form)"
        }
    }
}
