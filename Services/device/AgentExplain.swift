// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import NIOCore

// Why a device has the connection that it has, or none.
extension Agent {
    func explain(_ word: String, for asker: Outbox.Asker, at now: NIODeadline) {
        switch directory.find(word) {
        case .nobody: fail(Wording.nobody(word, directory), for: asker)
        case .several(let entries): fail(Wording.several(word, entries), for: asker)
        case .devices(let entries): for entry in entries { answer(explanation(of: entry, at: now), to: asker) }
        }
    }

    private func explanation(of entry: Directory.Entry, at now: NIODeadline) -> Answer {
        let (places, dial) = (sightings.places(of: entry.id), dials[entry.id])
        var attempts: [Endpoint: DialReport.Result] = [:]
        for result in dial?.report.results ?? [] { attempts[result.attempt.path.endpoint] = result }
        let sources = places.map { ($0.endpoint, $0.source.name, $0.isProven) }
        let forgotten = attempts.keys.filter { endpoint in !places.contains { $0.endpoint == endpoint } }
        let all = sources + forgotten.map { ($0, "no longer said", false) }
        var table = TextTable(["CANDIDATE", "FROM", "WHERE", "LAST DIAL"])
        var rows: [JSON] = []
        for (endpoint, source, isProven) in all {
            let outcome = attempts[endpoint]?.explained ?? "not dialed"
            let distance = DialPlan([endpoint], isNear: { Neighborhood.now.reaches("\($0)") }).attempts.first?.distance
            table.add(["\(endpoint)", isProven ? "\(source), proven" : source, distance?.name ?? "-", outcome])
            rows.append(
                .object([
                    "address": .string("\(endpoint)"), "from": .string(source), "proven": .bool(isProven),
                    "where": .string(distance?.name ?? ""), "last_dial": .string(outcome),
                ])
            )
        }
        let name = Wording.device(entry.name, entry.id)
        let path = link(to: entry.id).map { "direct, \($0.facts.direction == .inbound ? "from" : "to") \($0.address)" }
        let ago = dial.map { ", dialed \((now - $0.at).wholeSeconds) ago" } ?? ""
        let text = "\(name): \(path ?? "no connection")\(ago)\n" + (all.isEmpty ? "no address is known" : table.text)
        var members: [String: JSON] = ["id": .string("\(entry.id)"), "candidates": .array(rows)]
        members["path"] = path.map(JSON.string)
        return Answer(text: text, json: .object(members))
    }
}

extension DialDistance {
    fileprivate var name: String {
        switch self {
        case .sameNetwork: "same network"
        case .public: "public"
        case .otherNetwork: "another network"
        }
    }
}

extension DialReport.Result {
    fileprivate var explained: String {
        let after = began.map { " after \(Wording.roundTrip($0))" } ?? ""
        let time = took.map { " in \(Wording.roundTrip($0))" } ?? ""
        return switch outcome {
        case .notTried: "not tried: another was faster"
        case .cancelled: "cancelled: another was faster"
        case .failed(let fault): "failed\(time): \(fault)".printable
        case .chosen: "chosen: begun\(after), proven\(time)"
        }
    }
}
