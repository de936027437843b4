// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import MeshProgram
import NIOCore

/// Drives the table of peers and the outbox, and talks to people.
///
/// Everything it learns comes through the inbox, one after the other; it waits for nothing else.
actor Agent {
    /// A connection that greeted.
    private struct Peer {
        let link: PeerLink
        var name: String
        let since: NIODeadline
        var roundTrip: TimeAmount?
        /// A goodbye has passed: another connection may come, this one takes no texts any more.
        var isLeaving = false
    }

    /// How far the agent is on its way out.
    private enum Phase: Equatable {
        case running
        /// The input has ended: what is under way is waited for, and the first list.
        case finishing(until: NIODeadline)
        /// The peers were told; their connections are waited for.
        case leaving(until: NIODeadline)
    }

    private let settings: AgentSettings
    private let inbox: Inbox
    private let console: Console
    private let transport: PeerTransport
    private let logger: Logger
    private var table: PeerTable
    private var sightings: SightingTable
    private var discovery: [DiscoveryReport] = []
    private var scanTelling = ScanTelling()
    private var outbox = Outbox(limit: 1_000)
    private var peers: [Int: Peer] = [:]
    private var listing: [DeviceRecord] = []
    /// The registry has answered, or can't.
    private var hasListing = false
    private var hasAskedRegistry = false
    private var phase = Phase.running
    private var generator = SystemRandomNumberGenerator()
    private var timer: Scheduled<Void>?
    private var tableTimer: NIODeadline?
    /// The input waits for its turn until the outbox is empty.
    private var owesTurn = false

    init(settings: AgentSettings, inbox: Inbox, console: Console, transport: PeerTransport, logger: Logger) {
        (self.settings, self.inbox, self.console) = (settings, inbox, console)
        (self.transport, self.logger) = (transport, logger)
        table = PeerTable(ownID: settings.id, policy: settings.policy)
        sightings = SightingTable(limit: settings.policy.devices)
        // Where no registry is asked, there is none to wait for.
        (hasListing, hasAskedRegistry) = (settings.signaling == nil, settings.signaling == nil)
    }

    /// Runs until it is told to stop, or its input has ended and everything is settled.
    func run() async {
        inbox.takeTurn()
        for await event in inbox.events {
            handle(event)
            settle()
            if hasEnded { break }
        }
        timer?.cancel()
        inbox.endInput()
    }
}

extension Agent {
    private func handle(_ event: AgentEvent) {
        let now = NIODeadline.now()
        switch event {
        case .peer(let event): handle(event, at: now)
        case .timerFired:
            timer = nil
            if let tableTimer, tableTimer <= now {
                self.tableTimer = nil
                perform(table.timerFired(at: now))
            }
            if sightings.expire(at: now) { whereaboutsChanged(at: now) }
        case .listed(let records): listed(records, at: now)
        case .lookedUp(let id, let record):
            let sighting = record.flatMap(\.sighting)
            if let sighting { _ = sightings.seen(sighting, at: now) }
            perform(table.lookedUp(id, sighting == nil ? nil : sightings.whereabouts(of: id), at: now))
        case .registry(.away(let reason)):
            hasAskedRegistry = true
            show("* the signaling server \(signalingName) is away: \(reason.printable); trying again")
        case .registry(.back): show("* the signaling server \(signalingName) is back")
        case .discovered(let event): discovered(event, at: now)
        case .discovering(let reports): discovery = reports
        case .line(let line): handle(line, at: now)
        case .inputEnded: if phase == .running { finish(at: now) }
        case .stopped: leave(at: now)
        }
    }

    private func handle(_ event: PeerEvent, at now: NIODeadline) {
        switch event {
        case .greeted(let link, let greeting):
            peers[link.facts.number] = Peer(link: link, name: greeting.name, since: now)
            if case .leaving = phase { return link.close(.leaving) }
            var facts = link.facts
            facts.isNeighbor = settings.policy.acceptsNeighbors && Neighborhood.now.reaches(link.address)
            perform(table.greeted(facts, by: link.id, name: greeting.name, at: now))
            proven(link, greeting, at: now)
        case .dialFailed(let id, let fault):
            logger.debug("A dial failed", metadata: ["device": "\(id)", "reason": "\(fault)"])
            perform(table.dialFailed(id, fault, at: now, using: &generator))
        case .turnedAway(let address, let reason):
            logger.info("A connection was turned away", metadata: ["from": "\(address)", "reason": "\(reason)"])
        case .text(let connection, let text):
            guard let peer = peers[connection] else { return }
            show(Wording.text(text, from: shownName(peer.name, peer.link.id)))
            peer.link.textShown()
        case .delivered(let token): settled(token, nil)
        case .notSent(let token, let connection):
            peers[connection]?.isLeaving = true
            outbox.putBack(token)
        case .notDelivered(let token): settled(token, "the connection ended")
        case .answered(let token, let connection, let time):
            peers[connection]?.roundTrip = time
            if let token, let errand = outbox.settled(token) {
                show("\(errand.target.name) answered in \(Wording.roundTrip(time))")
            }
        case .unanswered(let token): settled(token, "the connection ended")
        case .ended(let connection, let end):
            peers[connection] = nil
            logger.debug("A connection ended", metadata: ["connection": "\(connection)", "reason": "\(end)"])
            if case .leaving = phase { return }
            perform(table.connectionClosed(connection, end, at: now, using: &generator))
            showSessions()
        }
    }

    /// Tells the registry with whom this device has sessions.
    private func showSessions() {
        inbox.sessions.show(table.known.compactMapValues { $0.connection.map { _ in .direct } })
    }

    private func perform(_ actions: [PeerTable.Action]) {
        for action in actions {
            switch action {
            case .dial(let id, let endpoints):
                // Who leaves dials nobody any more.
                if case .leaving = phase { continue }
                transport.dial(id, endpoints)
            case .admit(let number):
                peers[number]?.link.admit()
                showSessions()
            case .close(let number, let reason): peers[number]?.link.close(reason)
            case .lookUp(let id): inbox.lookUp(id)
            case .announce(let news): announce(news)
            case .setTimer(let deadline): tableTimer = deadline
            }
        }
    }

    private func announce(_ news: PeerNews) {
        // The list that the program starts with has them.
        if case .found = news, !hasListing { return }
        show(Wording.news(news) { peers[$0]?.link.address })
    }

    private func listed(_ records: [DeviceRecord], at now: NIODeadline) {
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
}

// Where devices are.
extension Agent {
    private func discovered(_ event: DiscoveryEvent, at now: NIODeadline) {
        switch event {
        case .sighted(let sighting):
            guard sighting.id != settings.id else { return }
            switch sightings.seen(sighting, at: now) {
            case .found, .moved: whereaboutsChanged(at: now)
            case .restarted:
                whereaboutsChanged(at: now)
                perform(table.restarted(sighting.id, at: now))
            case .renewed: break
            case .refused: logger.debug("The table of devices is full", metadata: ["passed over": "\(sighting.id)"])
            }
        case .progress(let asked, let total, let found):
            guard settings.isInteractive || asked == total else { return }
            if let text = scanTelling.text(asked: asked, of: total, found: found, at: now) { show(text) }
        case .notSent(let interface):
            logger.debug("An announcement was not sent", metadata: ["interface": "\(interface)"])
        }
    }

    private func whereaboutsChanged(at now: NIODeadline) {
        perform(table.listed(sightings.whereabouts, at: now))
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

    private var devicesText: String {
        settings.signaling == nil
            ? "no signaling server is asked: 'peers' tells who is known" : DeviceListing.table(listing)
    }

    private var signalingName: String { settings.signaling.map { "\($0)" } ?? "" }
}

// What people ask for.
extension Agent {
    private func handle(_ line: String, at now: NIODeadline) {
        owesTurn = true
        let command: PromptCommand
        do { command = try PromptCommand(line) } catch { return show("\(error)") }
        switch command {
        case .nothing: break
        case .help: show(PromptCommand.explanation)
        case .exit: if settings.isInteractive { leave(at: now) } else { finish(at: now) }
        case .devices: show(devicesText)
        case .discovery: show(DiscoveryReport.table(discovery))
        case .peers: show(peersTable(at: now))
        case .send(let word, let text):
            do { try text.checkText(limit: PeerLimits.text) } catch { return show("not sent: \(error)") }
            run(.text(text), for: word, at: now)
        case .ping(let word): run(.ping, for: word, at: now)
        }
    }

    /// At a terminal a name that means nobody is a mistake.
    ///
    /// In a script it may be too early for it.
    private func run(_ kind: Outbox.Kind, for word: String, at now: NIODeadline) {
        var targets = [Outbox.Target.word(word)]
        switch directory.find(word) {
        case .nobody: if settings.isInteractive { return show(Wording.nobody(word, directory)) }
        case .several(let entries): return show(Wording.several(word, entries))
        case .devices(let entries): targets = entries.map(Outbox.Target.device)
        }
        for target in targets {
            guard outbox.add(kind, to: target, deadline: now + settings.sendPatience) else {
                return show("not sent to \(target.name): too much waits already")
            }
            if settings.isInteractive, let id = target.id, link(to: id) == nil {
                show("\(target.name) is not connected: waiting up to \(settings.sendPatience.seconds) for it")
            }
        }
    }

    private func peersTable(at now: NIODeadline) -> String {
        var rows = TextTable(["STATE", "ID", "NAME", "DIRECTION", "ROUND TRIP", "SINCE"])
        for (id, device) in table.known.sorted(by: { ($0.value.name, $0.key) < ($1.value.name, $1.key) }) {
            let peer = device.connection.flatMap { peers[$0.number] }
            rows.add([
                device.state, id.short, device.name.printable,
                device.connection.map { $0.direction == .inbound ? "inbound" : "outbound" } ?? "-",
                peer?.roundTrip.map(Wording.roundTrip) ?? "-",
                peer.map { "\((now - $0.since).wholeSeconds) ago" } ?? "-",
            ])
        }
        return table.known.isEmpty ? "no device is known yet" : rows.text
    }

    private var directory: Directory {
        Directory(
            entries: table.known.map { Directory.Entry(id: $0.key, name: $0.value.name) }
                .sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        )
    }

    private func link(to id: DeviceID) -> PeerLink? {
        guard let number = table.known[id]?.connection?.number, let peer = peers[number] else { return nil }
        return peer.isLeaving ? nil : peer.link
    }

    /// A name, and the id where another device has the same name.
    private func shownName(_ name: String, _ id: DeviceID) -> String {
        let namesakes = table.known.contains { $0.key != id && $0.value.name == name }
        return namesakes ? "\(name) (\(id.short))" : name
    }
}

// What is left to do after each event.
extension Agent {
    private func settle() {
        let now = NIODeadline.now()
        for (errand, entries) in outbox.resolve(directory) {
            show("not sent to \(errand.target.name): \(Wording.several(errand.target.name, entries))")
        }
        if case .leaving = phase {
            for errand in outbox.abandon() { report(errand, "this device leaves") }
        }
        for (id, errand) in outbox.takeReady({ link(to: $0) != nil }) {
            switch errand.kind {
            case .text(let text): link(to: id)?.submit(text, token: errand.token)
            case .ping: link(to: id)?.ping(token: errand.token)
            }
        }
        for errand in outbox.takeExpired(at: now, { link(to: $0) != nil }) {
            report(
                errand,
                errand.target.id == nil ? Wording.nobody(errand.target.name, directory) : "it is not connected"
            )
        }
        if owesTurn, outbox.nothingWaits {
            owesTurn = false
            inbox.takeTurn()
        }
        if case .finishing(let deadline) = phase, (outbox.isIdle && hasAskedRegistry) || deadline <= now {
            leave(at: now)
        }
        schedule()
    }

    private func settled(_ token: Int, _ fault: String?) {
        guard let errand = outbox.settled(token) else { return }
        if let fault { report(errand, fault) } else { show("delivered to \(errand.target.name)") }
    }

    private func report(_ errand: Outbox.Errand, _ fault: String) {
        switch errand.kind {
        case .text: show("not delivered to \(errand.target.name): \(fault)")
        case .ping: show("no answer from \(errand.target.name): \(fault)")
        }
    }

    /// No more input: what is under way may still arrive.
    private func finish(at now: NIODeadline) {
        inbox.endInput()
        if phase == .running { phase = .finishing(until: now + settings.sendPatience) }
    }

    private func leave(at now: NIODeadline) {
        if case .leaving = phase { return }
        phase = .leaving(until: now + settings.leavePatience)
        for peer in peers.values { peer.link.close(.leaving) }
    }

    private var hasEnded: Bool {
        guard case .leaving(let deadline) = phase else { return false }
        return peers.isEmpty || deadline <= .now()
    }

    /// One timer, for whatever is due first.
    private func schedule() {
        var due = [tableTimer, outbox.nextDeadline, sightings.nextExpiry].compactMap(\.self)
        switch phase {
        case .running: break
        case .finishing(let deadline), .leaving(let deadline): due.append(deadline)
        }
        timer?.cancel()
        let inbox = inbox
        timer = due.min().map { deadline in
            settings.loop.scheduleTask(deadline: deadline) { inbox.put(.timerFired) }
        }
    }

    private func show(_ text: String) {
        if !console.show(text) { leave(at: .now()) }
    }
}
