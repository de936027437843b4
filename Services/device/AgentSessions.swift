// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import MeshProgram
import NIOCore
import SwiftProtobuf

// The sessions with other devices, which outlive connections.
extension Agent {
    /// A device, its session, and the connection that carries it.
    struct Session {
        var machine: PeerSession
        var name: String
        /// In seconds since 1970.
        var lastSeen: Int64
        /// Nil while the device is away.
        var connection: Int?
        /// Why the disk does not have the texts that wait, where it doesn't.
        var keepingFault: String?
    }

    /// The sessions as the disk has them.
    static func sessions(in disk: SQLiteTexts, instance: UInt64) throws -> [DeviceID: Session] {
        try disk.load().mapValues { met in
            let machine = PeerSession(instance: instance, kept: met.kept, received: met.received)
            return Session(machine: machine, name: met.name, lastSeen: met.lastSeen)
        }
    }

    /// Tells sessions, and all that speak by them, which devices have a connection now, and which have another one.
    func connectionsChanged() {
        let current = table.known.compactMapValues { $0.connection?.number }
        for (id, session) in sessions.sorted(by: { $0.key < $1.key }) {
            if let number = session.connection, current[id] != number { disconnected(id) }
        }
        for (id, number) in current.sorted(by: { $0.key < $1.key }) where sessions[id]?.connection == nil {
            guard let peer = peers[number] else { continue }
            connected(id, peer)
        }
        inbox.sessions.show(current.mapValues { _ in .direct })
    }

    private func connected(_ id: DeviceID, _ peer: Peer) {
        // What is said to have come is to be on the disk.
        deliverResults()
        let now = Int64(Date().timeIntervalSince1970)
        if sessions[id] == nil {
            sessions[id] = Session(machine: PeerSession(instance: settings.instance), name: peer.name, lastSeen: now)
        }
        sessions[id]?.connection = peer.link.facts.number
        sessions[id]?.name = peer.name
        sessions[id]?.lastSeen = now
        onDisk { try disk.synced.met(id, name: peer.name, at: now) }
        withSession(id) { $0.connected(peer.link.facts.instance) }
        withReplica { try $0.opened(id, at: $1) }
        transport.detection.connected(peer.link)
        perform(mastership.connected(id))
    }

    private func disconnected(_ id: DeviceID) {
        sessions[id]?.connection = nil
        let now = Int64(Date().timeIntervalSince1970)
        sessions[id]?.lastSeen = now
        if let name = sessions[id]?.name { onDisk { try disk.synced.met(id, name: name, at: now) } }
        results.disconnected(id)
        withSession(id) { $0.disconnected() }
        withReplica { try $0.closed(id, at: $1) }
        // Another connection may have taken its place.
        if table.known[id]?.connection == nil { transport.detection.disconnected(id) }
    }

    /// Keeps what is under way for the next run.
    func parkSessions() { for id in sessions.keys { withSession(id) { $0.disconnected() } } }

    /// What came at once by a connection.
    func received(_ messages: [WirePeerMessage], from link: PeerLink) {
        // Of a connection that another has replaced nothing counts: it comes again.
        guard sessions[link.id]?.connection == link.facts.number else { return }
        var texts: [WirePeerMessage] = []
        for message in messages {
            guard let body = message.body else {
                texts.append(message)
                continue
            }
            received(texts: texts, from: link)
            texts = []
            received(body, from: link)
        }
        received(texts: texts, from: link)
    }

    private func received(texts: [WirePeerMessage], from link: PeerLink) {
        if texts.isEmpty { return }
        withSession(link.id, link) { machine throws(PeerViolation) in try machine.received(texts) }
    }

    private func received(_ body: WirePeerMessage.OneOf_Body, from link: PeerLink) {
        let id = link.id
        switch body {
        case .resume(let resume):
            withSession(id, link) { machine throws(PeerViolation) in try machine.received(resume) }
        case .acknowledgement(let number):
            withSession(id, link) { machine throws(PeerViolation) in try machine.received(number) }
        case .storeDigest(let digest): withReplica(for: link) { try $0.received(digest, from: id, at: $1) }
        case .storeRequest(let request):
            withReplica(for: link) { replica, _ in try replica.received(request, from: id) }
        case .storeAnswer(let answer): withReplica(for: link) { try $0.received(answer, from: id, at: $1) }
        case .storePush(let push): withReplica(for: link) { try $0.received(push, from: id, at: $1) }
        case .masterClaim(let claim): perform(mastership.received(claim, from: id))
        // The connection's own, and the failure detector's.
        case .greeting, .heartbeat, .heartbeatAnswer, .goodbye, .probe, .probeAnswer: break
        }
    }

    /// Gives a session an event and does what it answers; whose event breaks a rule is no longer talked to.
    func withSession(
        _ id: DeviceID,
        _ link: PeerLink? = nil,
        _ event: (inout PeerSession) throws(PeerViolation) -> [PeerSession.Action]
    ) {
        // Taken out, so that it is changed in place.
        guard var session = sessions.removeValue(forKey: id) else { return }
        let result = Result { () throws(PeerViolation) in try event(&session.machine) }
        sessions[id] = session
        switch result {
        case .success(let actions): perform(actions, id)
        case .failure(let error):
            logger.warning("A peer broke the rules", metadata: ["device": "\(id)", "reason": "\(error)"])
            link?.close(.protocolViolation)
        }
    }

    private func perform(_ actions: [PeerSession.Action], _ id: DeviceID) {
        var messages: [WirePeerMessage] = []
        lazy var name = shownName(sessions[id]?.name ?? id.short, id)
        for action in actions {
            switch action {
            case .send(let message): messages.append(message)
            case .show(let text): show(Wording.text(text, from: name))
            case .note(let received): results.note(received, from: id)
            case .acknowledge(let number): results.acknowledge(number, to: id)
            case .keep(let texts): sessions[id]?.keepingFault = onDisk { try disk.synced.keep(texts, for: id) }
            case .delivered(let tokens): delivered(tokens, to: id)
            }
        }
        if !messages.isEmpty { link(to: id)?.send(messages) }
    }

    /// What was kept and has arrived is told once for all.
    private func delivered(_ tokens: [Int?], to id: DeviceID) {
        var kept = 0
        for token in tokens {
            guard let token, let errand = outbox.settled(token) else {
                kept += 1
                continue
            }
            let name = errand.target.name
            answer("delivered to \(name)", or: .object(["delivered": .string(name)]), to: errand.asker)
        }
        guard kept > 0, let name = sessions[id]?.name else { return }
        show(
            "* delivered to \(Wording.device(name, id)): \(kept == 1 ? "a text that was" : "\(kept) texts that were") kept for it"
        )
    }

    /// Gives a text to a device's session.
    func submit(_ text: String, _ errand: Outbox.Errand, to id: DeviceID) {
        if sessions[id] == nil {
            let machine = PeerSession(instance: settings.instance)
            let name = errand.target.name
            sessions[id] = Session(machine: machine, name: name, lastSeen: 0)
            currentDirectory = nil
            onDisk { try disk.synced.met(id, name: name, at: 0) }
        }
        var hasRoom = false
        withSession(id) { machine in
            let actions = machine.submitted(text, token: errand.token, time: MessageTime(date: .now))
            hasRoom = actions != nil
            return actions ?? []
        }
        if !hasRoom {
            _ = outbox.settled(errand.token)
            fail("not sent to \(errand.target.name): too much waits for it already", for: errand.asker)
        } else if sessions[id]?.machine.isOpen == false {
            _ = outbox.settled(errand.token)
            if let fault = sessions[id]?.keepingFault {
                sessions[id]?.machine.withdrew()
                fail("not kept for \(errand.target.name), which is away: \(fault)", .inputOutput, for: errand.asker)
            } else {
                tellKept(errand)
            }
        }
    }

    func tellKept(_ errand: Outbox.Errand) {
        if let fault = errand.target.id.flatMap({ sessions[$0]?.keepingFault }) {
            let reason = "\(errand.target.name) is away, and the text waits in memory alone: \(fault)"
            return fail(reason, .inputOutput, for: errand.asker)
        }
        let json = JSON.object(["kept": .string(errand.target.name)])
        let text = "\(errand.target.name) is away: the text is kept until it is back"
        answer(Answer(text: text, json: json), to: errand.asker)
        switch errand.asker {
        case .prompt: scriptFailed(.tryAgain, text)
        case .program(let number): programs[number]?.isKeptOnly = true
        }
    }

    /// Does what is to be on the disk, and gives what stopped it, which is shown once as long as it is the same.
    @discardableResult
    func onDisk(_ body: () throws -> Void) -> String? {
        let before = diskFault
        do {
            try body()
            diskFault = nil
        } catch {
            diskFault = "the disk: \(error)"
        }
        if let diskFault, diskFault != before { show("* \(diskFault)") }
        return diskFault
    }
}
