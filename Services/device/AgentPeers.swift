// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import NIOCore

// The connections, and the table that decides about them.
extension Agent {
    func handle(_ event: PeerEvent, at now: NIODeadline) {
        switch event {
        case .greeted(let link, let greeting): greeted(link, greeting, at: now)
        case .dialed(let id, let report):
            dialMemory.note(report, at: now)
            if dials.count >= settings.policy.devices { dials = dials.filter { table.known[$0.key] != nil } }
            dials[id] = (report, now)
        case .dialFailed(let id, let fault):
            logger.debug("A dial failed", metadata: ["device": "\(id)", "reason": "\(fault)"])
            perform(table.dialFailed(id, fault, at: now, using: &generator), at: now)
        case .turnedAway(let address, let reason):
            logger.info(
                "A connection was turned away",
                metadata: ["from": "\(address)", "reason": "\(reason)"]
            )
        case .messages(let connection, let messages, let size):
            guard let peer = peers[connection] else { return }
            received(messages, from: peer.link)
            peer.link.taken(size)
        case .life(let id, let state): lifeChanged(id, state)
        case .webKnock(let knock): knock.decision.succeed(mayTalk(knock))
        case .webOpened(let peer): webOpened(peer)
        case .webText(let number, let text):
            guard let peer = webPeers[number] else { return }
            show(Wording.text(text, from: peer.name))
            // What is shown is so before anything else is dealt with.
            if results.isMuch { deliverResults() }
            peer.taken(text.utf8.count)
        case .webClosed(let number): webClosed(number)
        case .asked(let request, let answer): answer(self.answer(to: request))
        case .answered(let token, let time): answered(token, in: time)
        case .unanswered(let token):
            if let errand = outbox.settled(token) { report(errand, "the connection ended") }
        case .ended(let connection, let end):
            let peer = peers.removeValue(forKey: connection)
            logger.debug("A connection ended", metadata: ["connection": "\(connection)", "reason": "\(end)"])
            if case .leaving = phase { return }
            if end == .goodbye(.leaving), let id = peer?.link.id { transport.detection.departed(id) }
            perform(table.connectionClosed(connection, end, at: now, using: &generator), at: now)
        }
    }

    private func greeted(_ link: PeerLink, _ greeting: PeerGreeting, at now: NIODeadline) {
        peers[link.facts.number] = Peer(link: link, name: greeting.name, since: now)
        if case .leaving = phase { return link.close(.leaving) }
        var facts = link.facts
        facts.isNeighbor = settings.policy.acceptsNeighbors && Neighborhood.now.reaches(link.address)
        perform(table.greeted(facts, by: link.id, name: greeting.name, at: now), at: now)
        proven(link, greeting, at: now)
    }

    func perform(_ actions: [PeerTable.Action], at now: NIODeadline) {
        for action in actions {
            switch action {
            case .dial(let id, let endpoints):
                // Who leaves dials nobody any more.
                if case .leaving = phase { continue }
                let neighborhood = Neighborhood.now
                let plan = DialPlan(endpoints, memory: dialMemory, at: now) { neighborhood.reaches("\($0)") }
                transport.dial(id, plan)
            case .admit(let number): peers[number]?.link.admit()
            case .close(let number, let reason): peers[number]?.link.close(reason)
            case .lookUp(let id): inbox.lookUp(id)
            case .announce(let news): announce(news)
            case .setTimer(let deadline): timers.table = deadline
            }
        }
        connectionsChanged()
        currentDirectory = nil
        if settings.isInteractive { completions.offer(directory.entries.map(\.name.printable)) }
    }

    private func announce(_ news: PeerNews) {
        // The list that the program starts with has them.
        if case .found = news, !hasListing { return }
        show(Wording.news(news) { peers[$0]?.link.address })
    }

    func link(to id: DeviceID) -> PeerLink? {
        table.known[id]?.connection.flatMap { peers[$0.number]?.link }
    }

    /// A name, and the id where another device has the same name.
    func shownName(_ name: String, _ id: DeviceID) -> String {
        let namesakes = table.known.contains { $0.key != id && $0.value.name == name }
        return namesakes ? "\(name) (\(id.short))" : name
    }
}

// Where devices are.
extension Agent {
    func listed(_ records: [DeviceRecord], at now: NIODeadline) {
        listing = records.filter { $0.id.device != settings.id }
        if !hasListing {
            let lines = listing.map { record in
                let name = record.registration.name ?? "-"
                return "\n  \(name.printable) (\(record.shortID)) at \(Wording.endpoints(record.contacts))"
            }
            show("Devices connected:" + (lines.isEmpty ? " none yet" : lines.joined()))
        }
        sightings.listed(records.compactMap(\.sighting), by: .signaling, at: now)
        whereaboutsChanged(at: now)
        (hasListing, hasAskedRegistry) = (true, true)
    }

    func discovered(_ event: DiscoveryEvent, at now: NIODeadline) {
        switch event {
        case .sighted(let sighting):
            guard sighting.id != settings.id else { return }
            switch sightings.seen(sighting, at: now) {
            // Many may come at once: the table is told of them together.
            case .found, .moved: owesWhereabouts = true
            case .restarted:
                whereaboutsChanged(at: now)
                perform(table.restarted(sighting.id, at: now), at: now)
            case .renewed: break
            case .refused: logger.debug("The table of devices is full", metadata: ["passed over": "\(sighting.id)"])
            }
        case .metEarlier(let peer): met(peer, at: now)
        case .progress(let asked, let total, let found):
            guard settings.isInteractive || asked == total else { return }
            if let text = scanTelling.text(asked: asked, of: total, found: found, at: now) { show(text) }
        case .notSent(let interface):
            logger.debug("An announcement was not sent", metadata: ["interface": "\(interface)"])
        }
    }

    func whereaboutsChanged(at now: NIODeadline) {
        owesWhereabouts = false
        perform(table.listed(sightings.whereabouts, at: now), at: now)
    }

    /// A connection stays: where the other side is, its key has proven.
    private func proven(_ link: PeerLink, _ greeting: PeerGreeting, at now: NIODeadline) {
        guard table.known[link.id]?.connection?.number == link.facts.number,
            let endpoint = link.listeningEndpoint(greeting)
        else { return }
        var sighting = Sighting(
            id: link.id,
            endpoints: [endpoint],
            source: .session,
            until: now + settings.provenLifetime
        )
        (sighting.name, sighting.instance, sighting.isProven) = (greeting.name, greeting.instance, true)
        _ = sightings.seen(sighting, at: now)
        whereaboutsChanged(at: now)
    }

    var signalingName: String { settings.signaling.map { "\($0)" } ?? "" }
}
