// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshCore
import NIOCore
import SwiftProtobuf

// What the earlier programs say on the device's port.
extension Agent {
    /// Who proves an id may talk under that id, if it is known; who proves none, where that is allowed.
    func mayTalk(_ knock: WebKnock) -> Bool {
        guard UUID(uuidString: knock.peerID) != nil, phase == .running else { return false }
        guard let device = knock.device else { return settings.allowsPlaintextPeers }
        guard DeviceID(knock.peerID) == device, settings.policy.allowed?.contains(device) ?? true else { return false }
        return table.known[device] != nil || sessions[device] != nil
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
