// SPDX-License-Identifier: Apache-2.0

import DequeModule
import Foundation
import Logging
import MeshCore
import MeshProgram
import NIOCore
import SwiftProtobuf

/// Drives the machines of a device: the table of peers, the sessions, the replica of the store; and talks to people.
///
/// Everything it learns comes through the inbox, one after the other; it waits for nothing else. What has come at once is
/// dealt with at once: what that makes it show, keep and acknowledge goes out together. It runs on an event loop of its
/// own, where the database may block.
actor Agent {
    /// A connection that greeted.
    struct Peer {
        let link: PeerLink
        let name: String
        let since: NIODeadline
    }

    /// A program that asked for something and waits for the end of the answer.
    struct Program {
        let client: ControlClient
        /// It is told the changes of the keys that begin so.
        var watched: String?
        var failure: ProgramFailure?
        /// A text that it sent waits for a device that is away.
        var isKeptOnly = false
    }

    /// How far the agent is on its way out.
    enum Phase: Equatable {
        case running
        /// The input has ended: what is under way is waited for, and the first list.
        case finishing(until: NIODeadline)
        /// The peers were told; their connections are waited for.
        case leaving(until: NIODeadline)
    }

    let settings: AgentSettings
    let inbox: Inbox
    let console: Console
    let completions: Completions
    let transport: PeerTransport
    let logger: Logger
    var table: PeerTable
    var sightings: SightingTable
    /// The table of peers has not been told what the sightings say.
    var owesWhereabouts = false
    var replica: Replica<SQLiteEntries>
    /// What became of the last dials.
    var dialMemory = DialMemory()
    /// Of each device that is known the last one.
    var dials: [DeviceID: (report: DialReport, at: NIODeadline)] = [:]
    /// What the failure detector told of the devices.
    var lives: [DeviceID: MemberState] = [:]
    var mastership: Mastership
    var discovery: [DiscoveryReport] = []
    var scanTelling = ScanTelling()
    var outbox = Outbox(limit: 1_000)
    /// What is shown, noted and acknowledged when all that came at once was dealt with.
    var results = AgentResults()
    /// Lines of a script that wait for those before.
    var script: Deque<String> = []
    var peers: [Int: Peer] = [:]
    /// Those that speak by WebSocket.
    var webPeers: [Int: WebPeer] = [:]
    /// Peers of the earlier p2p program, and until when they are known.
    var earlierPeers: [EarlierPeer: NIODeadline] = [:]
    var sessions: [DeviceID: Session]
    let disk: AgentDisk
    /// Why the last write was not done, if it wasn't.
    var diskFault: String?
    var programs: [Int: Program] = [:]
    /// What the prompt is told the changes of.
    var watched: String?
    var listing: [DeviceRecord] = []
    /// The registry has answered, or can't.
    var hasListing = false
    var hasAskedRegistry = false
    var phase = Phase.running
    var generator = SystemRandomNumberGenerator()
    /// Nil when it has to be made anew.
    var currentDirectory: Directory?
    var timer: (scheduled: Scheduled<Void>, at: NIODeadline)?
    var timers = AgentTimers()
    /// The input waits for its turn until the script's lines are dealt with.
    var owesTurn = false
    /// Nothing comes after the lines of the script that are there.
    var inputHasEnded = false
    /// Resumed at the end.
    private var ended: CheckedContinuation<Void, Never>?
    /// The first thing that a script asked for and that was not done.
    var scriptFailure: ProgramFailure?

    nonisolated var unownedExecutor: UnownedSerialExecutor { settings.loop.executor.asUnownedSerialExecutor() }

    init(
        settings: AgentSettings,
        inbox: Inbox,
        console: Console,
        completions: Completions,
        transport: PeerTransport,
        disk: AgentDisk,
        logger: Logger
    ) throws {
        (self.settings, self.inbox, self.console, self.completions) = (settings, inbox, console, completions)
        (self.transport, self.disk, self.logger) = (transport, disk, logger)
        table = PeerTable(ownID: settings.id, policy: settings.policy)
        sightings = SightingTable(limit: settings.policy.devices)
        replica = try Replica(ownID: settings.id, storage: disk.entries)
        mastership = Mastership(ownID: settings.id, term: try disk.synced.term())
        sessions = try Self.sessions(in: disk.synced, instance: settings.instance)
        // Where no registry is asked, there is none to wait for.
        (hasListing, hasAskedRegistry) = (settings.signaling == nil, settings.signaling == nil)
    }

    /// Runs until it is told to stop, or its input has ended and everything is settled.
    ///
    /// Returns why a script's command was not done, if one was not.
    func run() async -> ProgramFailure? {
        inbox.takeTurn()
        perform(mastership.started())
        let loop = settings.loop
        await withCheckedContinuation { ended in
            self.ended = ended
            // The loop is the actor's executor.
            inbox.open { [self] in loop.execute { self.assumeIsolated { $0.handleAll() } } }
        }
        parkSessions()
        for errand in outbox.abandonUnderWay() { unanswered(errand) }
        deliverResults()
        timer?.scheduled.cancel()
        return scriptFailure
    }

    /// All that has come.
    private func handleAll() {
        guard let ended else { return }
        for event in inbox.take() {
            handle(event)
            if results.isMuch { deliverResults() }
        }
        settle()
        deliverResults()
        schedule()
        guard hasEnded else { return }
        inbox.open(nil)
        self.ended = nil
        ended.resume()
    }
}

/// The agent's database.
struct AgentDisk {
    /// What is written here is on the disk when it is written.
    let entries: SQLiteEntries
    let synced: SQLiteTexts
    /// What is written here is with the operating system: it outlives the process, but perhaps no power failure.
    let unsynced: SQLiteTexts

    init(path: String) throws(KeepingFault) {
        let file = try SQLiteFile(path: path, durability: .synced)
        (entries, synced) = (SQLiteEntries(file: file), SQLiteTexts(file: file))
        unsynced = SQLiteTexts(file: try SQLiteFile(path: path, durability: .unsynced))
    }
}

/// When the agent's machines want to be asked again.
struct AgentTimers {
    var table: NIODeadline?
    var replica: NIODeadline?

    var next: NIODeadline? { [table, replica].compactMap(\.self).min() }

    /// Whether a timer was due; it no longer is.
    mutating func take(_ timer: WritableKeyPath<AgentTimers, NIODeadline?>, at now: NIODeadline) -> Bool {
        guard let deadline = self[keyPath: timer], deadline <= now else { return false }
        self[keyPath: timer] = nil
        return true
    }
}

extension Agent {
    private func handle(_ event: AgentEvent) {
        let now = NIODeadline.now()
        if case .discovered = event {} else if owesWhereabouts { whereaboutsChanged(at: now) }
        switch event {
        case .peer(let event): handle(event, at: now)
        case .timerFired: timerFired(at: now)
        case .listed(let records): listed(records, at: now)
        case .lookedUp(let id, let record):
            let sighting = record.flatMap(\.sighting)
            if let sighting { _ = sightings.seen(sighting, at: now) }
            perform(table.lookedUp(id, sighting == nil ? nil : sightings.whereabouts(of: id), at: now), at: now)
        case .registry(.away(let reason)):
            hasAskedRegistry = true
            show("* the signaling server \(signalingName) is away: \(reason.printable); trying again")
        case .registry(.back): show("* the signaling server \(signalingName) is back")
        case .discovered(let event): discovered(event, at: now)
        case .discovering(let reports): discovery = reports
        case .asked(let command, let client):
            programs[client.number] = Program(client: client)
            run(command, for: .program(client.number), at: now)
        case .askerLeft(let number): programs[number] = nil
        case .lines(let lines): handle(lines, at: now)
        case .inputEnded: inputHasEnded = true
        // As after each event.
        case .scriptGoesOn: break
        case .stopped: leave(at: now)
        }
    }

    private func timerFired(at now: NIODeadline) {
        timer = nil
        if timers.take(\.table, at: now) { perform(table.timerFired(at: now), at: now) }
        if timers.take(\.replica, at: now) { withReplica { try $0.timerFired(at: $1) } }
        if let expiry = sightings.nextExpiry, expiry <= now, sightings.expire(at: now) { whereaboutsChanged(at: now) }
    }
}

// What is left to do after each event.
extension Agent {
    private func settle() {
        let now = NIODeadline.now()
        if owesWhereabouts { whereaboutsChanged(at: now) }
        runErrands(at: now)
        runScript(at: now)
        settlePrograms()
        if case .finishing(let deadline) = phase, (outbox.isIdle && hasAskedRegistry) || deadline <= now {
            leave(at: now)
        }
    }

    /// No more input: what is under way may still arrive.
    func finish(at now: NIODeadline) {
        script = []
        if phase == .running { phase = .finishing(until: now + settings.sendPatience) }
    }

    func leave(at now: NIODeadline) {
        if case .leaving = phase { return }
        phase = .leaving(until: now + settings.leavePatience)
        script = []
        transport.stop()
        for peer in peers.values { peer.link.close(.leaving) }
        for peer in webPeers.values { peer.close() }
    }

    private var hasEnded: Bool {
        guard case .leaving(let deadline) = phase else { return false }
        return peers.isEmpty || deadline <= .now()
    }

    /// One timer, for whatever is due first.
    private func schedule() {
        var due = [timers.next, outbox.nextDeadline, sightings.nextExpiry].compactMap(\.self)
        switch phase {
        case .running: break
        case .finishing(let deadline), .leaving(let deadline): due.append(deadline)
        }
        guard let next = due.min() else { return }
        if timer?.at == next { return }
        timer?.scheduled.cancel()
        let inbox = inbox
        timer = (settings.loop.scheduleTask(deadline: next) { inbox.put(.timerFired) }, next)
    }

    func show(_ text: String) {
        results.show(text)
    }

    /// What was said is shown first, and noted before it is acknowledged.
    func deliverResults() {
        let texts = results.takeTexts()
        if !texts.isEmpty, !console.show(texts) {
            results.wereNotShown()
            return leave(at: .now())
        }
        let notes = results.takeNotes()
        if !notes.isEmpty, onDisk({ try disk.unsynced.note(notes) }) != nil {
            // What is not noted is not acknowledged: it comes again, or the next time does for it.
            return results.wereNotNoted(notes)
        }
        for (id, number) in results.takeAcknowledgements() {
            link(to: id)?.send([.with { $0.acknowledgement = .with { $0.number = number } }])
        }
    }
}
