// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import MeshCore
import NIOCore

/// What is taken for JSON, and for a registration, is written as something that is taken for the same.
func fuzzRegistrations(_ input: [UInt8]) {
    guard let json = try? JSON(parsing: input) else { return }
    let written = json.description
    require((try? JSON(parsing: written.utf8)) == json, "\(written) is not read as it was written")
    require((try? JSON(parsing: written.utf8))?.description == written, "\(written) has two forms")
    guard let registration = try? Registration(parsing: input) else { return }
    let again = try? Registration(parsing: JSON.object(registration.json).description.utf8)
    require(again == registration, "\(registration) is not read as it was written")
    for text in registration.metadata.flatMap({ [$0, $1] }) + [registration.name ?? ""] {
        require(text.printable == text, "\(text.debugDescription) steers terminals")
    }
}

/// A signed request: lines of a name, a colon and a value, and after an empty one the body.
///
/// Nobody but who has the key of the corpus can have signed.
func fuzzSignatures(_ input: [UInt8]) {
    let lines = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let head = lines.prefix { !$0.isEmpty }.map { String(decoding: $0, as: UTF8.self) }
    let pairs = head.compactMap { line -> (String, String)? in
        guard let colon = line.firstRange(of: ": ") else { return nil }
        return (String(line[..<colon.lowerBound]), String(line[colon.upperBound...]))
    }
    let headers = Dictionary(pairs) { "\($0), \($1)" }
    let body = Data(lines.dropFirst(head.count + 1).joined(separator: [UInt8(ascii: "\n")]))
    let parts = SignedParts(method: "POST", authority: "mesh.example.org:8080", target: "/register", body: body)
    let now = Date(timeIntervalSince1970: 1_700_000_000)
    guard let signer = try? RequestSignature.signer(of: parts, header: { headers[$0] }, at: now) else { return }
    require(body == Data(#"{"id":"laptop"}"#.utf8), "\(signer) signed another body")
    var replays = ReplayGuard(started: .uptimeNanoseconds(0), maximum: 4)
    let moment = Moment(instant: .uptimeNanoseconds(60_000_000_000), date: now)
    require((try? replays.received(signer, at: moment)) != nil, "A first signature is refused")
    require((try? replays.received(signer, at: moment)) == nil, "A second one is not")
}

/// What a server may answer: the first line is the status and whether there are headers, the rest the body.
func fuzzAnswers(_ input: [UInt8]) {
    let plan = Plan(input)
    let line = String(decoding: input.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    let fields = line.split(separator: " ", maxSplits: 1)
    let link = fields.count > 1 ? String(fields[1]) : nil
    let answer = SignalingAnswer(status: fields.first.flatMap { Int($0) } ?? 200, body: plan.rest) { name in
        name == "link" ? link : name == "etag" ? "\"1\"" : nil
    }
    do { try answer.check() } catch { _ = error.description }
    if let record = try? answer.record() {
        let again = DeviceRecord(record.json)
        // A date may have come with more digits than are written.
        require(again?.json == record.json, "\(record) is not read as it was written")
        _ = record.contacts
    }
    if let page = try? answer.page(), let next = page.next {
        require(next.hasPrefix("/") && !next.hasPrefix("//"), "\(next) leads to another server")
    }
}
