// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import NIOCore
import SwiftProtobuf

// Who is alive, and who is master.
extension Agent {
    /// The failure detector has told; nil of a device that it has forgotten.
    func lifeChanged(_ id: DeviceID, _ state: MemberState?) {
        lives[id] = state
        if state == nil { mastership.forgot(id) }
        let word = state.map { "\($0)" } ?? "forgotten"
        logger.debug("A device's life", metadata: ["device": "\(id)", "state": "\(word)"])
        perform(mastership.changed(living: living))
    }

    /// Those that are not dead; a suspect is alive until it isn't.
    private var living: Set<DeviceID> { Set(lives.filter { $0.value != .dead }.keys) }

    func perform(_ actions: [Mastership.Action]) {
        for action in actions {
            switch action {
            case .broadcast(let body):
                for id in sessions.keys where sessions[id]?.connection != nil {
                    link(to: id)?.send([.with { $0.body = body }])
                }
            case .send(let body, let id): link(to: id)?.send([.with { $0.body = body }])
            case .changed(let claim):
                logger.info("A master", metadata: ["device": "\(claim.master)", "term": "\(claim.term)"])
            case .keep(let term): onDisk { try disk.synced.keep(term: term) }
            }
        }
    }

    /// Who is master, and who may see it otherwise.
    var masterAnswer: Answer {
        let living = living
        // Whom nobody says to be anywhere any more is still remembered as dead.
        let dead = sessions.keys.filter { lives[$0] == .dead }
        let unreached = Set(table.known.keys).union(dead).subtracting(living).count
        var members: [String: JSON] = [
            "agreeing": .integer(mastership.agreeing), "alive": .integer(living.count + 1),
            "unreached": .integer(unreached),
        ]
        let doubt =
            switch unreached {
            case 0: ""
            case 1: "; 1 device is not reached, and may follow another"
            default: "; \(unreached) devices are not reached, and may follow another"
            }
        guard let claim = mastership.claim else {
            return Answer(text: "no master is agreed on yet\(doubt)", json: .object(members))
        }
        members["master"] = .string(claim.master.description)
        members["term"] = .integer(Int(clamping: claim.term))
        let name = claim.master == settings.id ? "this device" : shownName(for: claim.master)
        let agreeing = "\(mastership.agreeing) of \(living.count + 1) devices that are alive agree"
        return Answer(text: "\(name) is master, term \(claim.term): \(agreeing)\(doubt)", json: .object(members))
    }

    private func shownName(for id: DeviceID) -> String {
        Wording.device(table.known[id]?.name ?? sessions[id]?.name ?? "a device", id)
    }
}
