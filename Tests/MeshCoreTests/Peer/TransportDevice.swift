// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import Synchronization
import Testing

/// A device's transport, which admits whoever greets, and what it told.
final class TransportDevice: Sendable {
    private struct Told {
        var links: [PeerLink] = []
        var greetings: [PeerGreeting] = []
        var texts: [String] = []
        var acknowledged: UInt64 = 0
        var roundTrips = 0
        var reports: [DialReport] = []
        var faults: [DialFault] = []
        var turnedAway: [String] = []
        var ends: [PeerEnd] = []
        var lives: [MemberState?] = []

        /// Acknowledges each text.
        mutating func take(_ messages: [WirePeerMessage], from link: PeerLink) {
            for message in messages {
                switch message.body {
                case .acknowledgement(let acknowledgement): acknowledged = acknowledgement.number
                case nil:
                    texts.append(message.message)
                    link.send([.acknowledgement(message.number)])
                case .greeting, .heartbeat, .heartbeatAnswer, .goodbye, .resume, .storeDigest,
                    .storeRequest,
                    .storeAnswer, .storePush, .probe,
                    .probeAnswer, .masterClaim:
                    break
                }
            }
        }
    }

    let identity: Identity
    let transport: PeerTransport
    private let told: Shared

    /// What the events change; a box of its own, as the transport is made with it.
    private final class Shared: Sendable {
        let told = Mutex(Told())
    }

    init(name: String, admits: Bool = true, options: PeerTransportOptions = PeerTransportOptions()) throws {
        let identity = try Identity(commonName: name, now: .now)
        let shared = Shared()
        let greeting = PeerGreeting(name: name, version: "test", instance: .random(in: 1 ... .max))
        self.identity = identity
        told = shared
        transport = try PeerTransport(identity: identity, greeting: greeting, options: options) { event in
            Self.note(event, in: shared, admits: admits)
        }
    }

    var id: DeviceID { identity.id }
    var links: [PeerLink] { told.told.withLock(\.links) }
    var names: [String] { told.told.withLock { $0.greetings.map(\.name) } }
    var texts: [String] { told.told.withLock(\.texts) }
    var acknowledged: UInt64 { told.told.withLock(\.acknowledged) }
    var roundTrips: Int { told.told.withLock(\.roundTrips) }
    var reports: [DialReport] { told.told.withLock(\.reports) }
    var faults: [DialFault] { told.told.withLock(\.faults) }
    var turnedAway: [String] { told.told.withLock(\.turnedAway) }
    var lives: [MemberState?] { told.told.withLock(\.lives) }
    var ends: [PeerEnd] { told.told.withLock(\.ends) }

    private static func note(_ event: PeerEvent, in shared: Shared, admits: Bool) {
        shared.told.withLock { told in
            switch event {
            case .greeted(let link, let greeting):
                told.links.append(link)
                told.greetings.append(greeting)
                if admits, link.facts.direction == .inbound { link.admit() }
            case .dialed(_, let report): told.reports.append(report)
            case .dialFailed(_, let fault): told.faults.append(fault)
            case .turnedAway(_, let reason): told.turnedAway.append(reason)
            case .messages(let connection, let messages, let size):
                guard let link = told.links.first(where: { $0.facts.number == connection }) else { return }
                told.take(messages, from: link)
                link.taken(size)
            case .life(_, let state): told.lives.append(state)
            case .webKnock(let knock): knock.decision.succeed(knock.peerID == knock.device?.description)
            case .webText(_, let text): told.texts.append(text)
            case .webOpened, .webClosed: break
            case .asked(let request, let answer): answer(request == .heartbeat ? .heartbeat : .value(nil))
            case .answered: told.roundTrips += 1
            case .unanswered: break
            case .ended(_, let end): told.ends.append(end)
            }
        }
    }
}

extension PeerTransport {
    func dial(_ id: DeviceID, _ endpoints: [Endpoint]) { dial(id, DialPlan(endpoints)) }
}

extension PeerLink {
    func send(_ text: String, _ number: Int = 1) { send([.text(text, UInt64(number))]) }
}

/// A device that listens on a free port while `body` runs.
func withListener<Result>(
    _ device: TransportDevice,
    _ body: (Endpoint) async throws -> Result
) async throws -> Result {
    let loopback = try #require(Endpoint("127.0.0.1:0"))
    let channel = try await device.transport.listen(at: loopback)
    let port = try #require(channel.localAddress?.port)
    let endpoint = try #require(Endpoint(host: "127.0.0.1", port: UInt16(port)))
    do {
        let result = try await body(endpoint)
        try await channel.close()
        return result
    } catch {
        try? await channel.close()
        throw error
    }
}
