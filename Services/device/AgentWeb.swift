// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import SwiftProtobuf

// What the earlier programs say on the device's port.
extension Agent {
    /// Who is known may talk: under the id that it proves, or where that is allowed the one that it names.
    func mayTalk(_ knock: WebKnock) -> Bool {
        guard let uuid = UUID(uuidString: knock.peerID), phase == .running, webPeers.count < Self.mostWebPeers else {
            return false
        }
        let named = DeviceID(knock.peerID)
        if knock.device == nil {
            guard settings.allowsPlaintextPeers else { return false }
            let isThere = earlierPeers.contains { $0.key.id == uuid.uuidString.lowercased() && $0.value > .now() }
            if isThere, settings.policy.allowed == nil { return true }
        } else if named != knock.device {
            return false
        }
        guard let named, settings.policy.allowed?.contains(named) ?? true else { return false }
        return table.known[named] != nil || sessions[named] != nil
    }

    private static let mostWebPeers = 64

    /// A peer of the earlier program has announced itself; it does so each 20 s.
    func met(_ peer: EarlierPeer, at now: NIODeadline) {
        if earlierPeers[peer] == nil, earlierPeers.count >= settings.policy.devices {
            earlierPeers = earlierPeers.filter { $0.value > now }
        }
        guard earlierPeers[peer] != nil || earlierPeers.count < settings.policy.devices else { return }
        earlierPeers[peer] = now + AnnouncementSource.period * 3
    }

    func webOpened(_ peer: WebPeer) {
        if case .leaving = phase { return peer.close() }
        webPeers[peer.number] = peer
        show("* \(peer.name) speaks by WebSocket from \(peer.address), id \(peer.isProven ? "" : "not ")proven")
    }

    func webClosed(_ number: Int) {
        guard let peer = webPeers.removeValue(forKey: number) else { return }
        show("* \(peer.name) left")
    }

    /// A text goes to whoever speaks by WebSocket and is meant, which confirms nothing; false if nobody is.
    func sendByWeb(_ text: String, to word: String, for asker: Outbox.Asker) -> Bool {
        let meant = webPeers.values.filter { word.utf8.count >= 4 && $0.id.hasPrefix(word.lowercased()) }
        for peer in meant {
            guard peer.send(text, time: MessageTime(date: .now)) else {
                fail("not sent to \(peer.name): it does not read", for: asker)
                continue
            }
            let json = JSON.object(["sent": .string(peer.id)])
            answer(Answer(text: "sent to \(peer.name), which confirms nothing", json: json), to: asker)
        }
        return !meant.isEmpty
    }

    func answer(to request: EarlierRequest) -> EarlierAnswer {
        do {
            switch request {
            case .handshake: return .greeting
            case .heartbeat: return .heartbeat
            case .get(let key):
                return .value(try replica.value(of: StoreKey(key)).map { String(decoding: $0, as: UTF8.self) })
            case .set(let key, let value):
                perform(try replica.write(Data(value.utf8), to: StoreKey(key), at: .now))
                return .stored
            }
        } catch {
            return .refused("\(error)")
        }
    }
}

extension WebPeer {
    /// For people.
    var name: String { "\(String(id.prefix(8)).printable) (web)" }
}
