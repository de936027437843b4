// SPDX-License-Identifier: Apache-2.0

import DequeModule
import MeshCore
import MeshProgram
import NIOCore

// What people and programs ask for.
extension Agent {
    /// A person's lines are dealt with at once, a script's one after the other.
    func handle(_ lines: [String], at now: NIODeadline) {
        if settings.isInteractive {
            for line in lines { handle(line, at: now) }
        } else if phase == .running {
            script += lines
            owesTurn = true
        }
    }

    /// Of a script each line waits until what those before it ask for is under way, and many let others have their turn.
    func runScript(at now: NIODeadline) {
        while !outbox.promptWaits, let line = script.popFirst() {
            handle(line, at: now)
            runErrands(at: now)
            if !script.isEmpty, now + Self.scriptTime < .now() { return inbox.put(.scriptGoesOn) }
        }
        guard script.isEmpty, phase == .running else { return }
        if inputHasEnded { return finish(at: now) }
        guard owesTurn, !outbox.promptWaits else { return }
        owesTurn = false
        inbox.takeTurn()
    }

    private static let scriptTime = TimeAmount.milliseconds(5)

    private func handle(_ line: String, at now: NIODeadline) {
        do {
            switch try PromptCommand(line) {
            case .nothing: break
            case .help: show(PromptCommand.explanation)
            case .exit: if settings.isInteractive { leave(at: now) } else { finish(at: now) }
            case .unwatch: watched = nil
            case .agent(let command): run(command, for: .prompt, at: now)
            }
        } catch { fail("\(error)", .usage, for: .prompt) }
    }

    func run(_ command: AgentCommand, for asker: Outbox.Asker, at now: NIODeadline) {
        switch command {
        case .devices: answer(devicesAnswer, to: asker)
        case .discovery: answer(DiscoveryReport.answer(discovery), to: asker)
        case .peers: answer(peersAnswer(at: now), to: asker)
        case .explain(let word): explain(word, for: asker, at: now)
        case .master: answer(masterAnswer, to: asker)
        case .send(let word, let text):
            do { try text.checkText(limit: PeerLimits.text) } catch {
                return fail("not sent: \(error)", .badInput, for: asker)
            }
            run(.text(text), with: word, for: asker, at: now)
        case .ping(let word): run(.ping, with: word, for: asker, at: now)
        case .set(let key, let value): set(key, to: value, for: asker)
        case .get(let key): get(key, for: asker)
        case .delete(let key): set(key, to: nil, for: asker)
        case .keys(let prefix, let after): keys(prefix: prefix, after: after, for: asker)
        case .watch(let prefix): watch(prefix, for: asker)
        }
    }

    func answer(_ answer: Answer, to asker: Outbox.Asker) {
        self.answer(answer.text, or: answer.json, to: asker)
    }

    /// Most are for people: what programs read is made for those who do.
    func answer(_ text: String, or json: @autoclosure () -> JSON, to asker: Outbox.Asker) {
        switch asker {
        case .prompt: show(text)
        case .program(let number):
            guard let client = programs[number]?.client else { return }
            client.reply(.line(client.format == .json ? json().description : text))
        }
    }

    func fail(_ reason: String, _ kind: ProgramFailure.Kind = .unavailable, for asker: Outbox.Asker) {
        switch asker {
        case .prompt:
            show(reason)
            scriptFailed(kind, reason)
        case .program(let number): programs[number]?.failure = ProgramFailure(kind, reason)
        }
    }

    /// A script learns from the exit code that not all was done.
    func scriptFailed(_ kind: ProgramFailure.Kind, _ reason: String) {
        if settings.isInteractive || scriptFailure != nil { return }
        scriptFailure = ProgramFailure(kind, "not all that the input asks for was done: \(reason)")
    }

    /// What was told is no failure, but not what was asked for either.
    private static let keptOnly = ControlReply.failed(
        reason: "not all has arrived: what is kept arrives later",
        code: ProgramFailure.Kind.tryAgain.rawValue
    )

    /// Takes leave of the programs that have got all of their answer.
    func settlePrograms() {
        for (number, program) in programs {
            if let failure = program.failure {
                program.client.reply(.failed(reason: failure.description, code: failure.kind.rawValue))
            } else if program.watched == nil, !outbox.holdsAny(of: .program(number)) {
                program.client.reply(program.isKeptOnly ? Self.keptOnly : .done)
            } else {
                continue
            }
            programs[number] = nil
        }
    }

    /// At a terminal a name that means nobody is a mistake.
    ///
    /// In a script it may be too early for it.
    private func run(_ kind: Outbox.Kind, with word: String, for asker: Outbox.Asker, at now: NIODeadline) {
        var targets = [Outbox.Target.word(word)]
        switch directory.find(word) {
        case .nobody:
            if case .text(let text) = kind, sendByWeb(text, to: word, for: asker) { return }
            if settings.isInteractive || asker != .prompt { return fail(Wording.nobody(word, directory), for: asker) }
        case .several(let entries): return fail(Wording.several(word, entries), for: asker)
        case .devices(let entries): targets = entries.map(Outbox.Target.device)
        }
        let deadline = now + settings.sendPatience
        for target in targets {
            if outbox.nothingWaits, let id = target.id, isReady(kind, of: asker, for: id) {
                run(outbox.begin(kind, to: target, for: asker, deadline: deadline), with: id)
                continue
            }
            guard outbox.add(kind, to: target, for: asker, deadline: deadline) else {
                return fail("not sent to \(target.name): too much waits already", for: asker)
            }
            if case .ping = kind, asker == .prompt, settings.isInteractive, let id = target.id,
                link(to: id) == nil
            {
                show(
                    "\(target.name) is not connected: waiting up to \(settings.sendPatience.seconds) for it"
                )
            }
        }
    }

    private var devicesAnswer: Answer {
        Answer(
            text: settings.signaling == nil
                ? "no signaling server is asked: 'peers' tells who is known" : DeviceListing.table(listing),
            json: .array(listing.map(\.json))
        )
    }

    private func peersAnswer(at now: NIODeadline) -> Answer {
        let rows = directory.entries.map { entry in
            var row = PeerRow(id: entry.id, at: now)
            (row.device, row.session) = (table.known[entry.id], sessions[entry.id])
            row.life = lives[entry.id]
            row.peer = row.device?.connection.flatMap { peers[$0.number] }
            return row
        }
        return Answer(
            text: rows.isEmpty ? "no device is known yet" : PeerRow.table(rows),
            json: .array(rows.map(\.json))
        )
    }

    var directory: Directory {
        if let currentDirectory { return currentDirectory }
        let directory = newDirectory
        currentDirectory = directory
        return directory
    }

    /// What a device is called: as it was seen, or where that says nothing as it said when it was met.
    static func name(of id: DeviceID, seen: String?, met: String?) -> String {
        if let seen, seen != id.short { return seen }
        return met ?? id.short
    }

    private var newDirectory: Directory {
        let known = table.known.map { id, device in
            Directory.Entry(id: id, name: Self.name(of: id, seen: device.name, met: sessions[id]?.name))
        }
        let met = sessions.filter { table.known[$0.key] == nil }.map {
            Directory.Entry(id: $0.key, name: $0.value.name)
        }
        return Directory(entries: (known + met).sorted { ($0.name, $0.id) < ($1.name, $1.id) })
    }
}

// What was asked for and takes its time.
extension Agent {
    func runErrands(at now: NIODeadline) {
        for errand in outbox.takeOverdue(at: now, isThere: { sessions[$0]?.machine.isOpen == true }) {
            tellKept(errand)
        }
        if outbox.nothingWaits { return }
        for (errand, entries) in outbox.resolve(directory) {
            fail(
                "not sent to \(errand.target.name): \(Wording.several(errand.target.name, entries))",
                for: errand.asker
            )
        }
        if case .leaving = phase {
            for errand in outbox.abandon() { report(errand, "this device leaves") }
        }
        while let (id, errand) = outbox.takeReady({ isReady($0.kind, of: $0.asker, for: $1) }) { run(errand, with: id) }
        for errand in outbox.takeExpired(at: now) {
            guard let id = errand.target.id else {
                report(errand, Wording.nobody(errand.target.name, directory))
                continue
            }
            switch errand.kind {
            case .text(let text): submit(text, errand, to: id)
            case .ping: report(errand, "it is not connected")
            }
        }
    }

    /// A text goes when its session is open; for a device that is away it is kept.
    ///
    /// But a script that has just begun waits for a while.
    private func isReady(_ kind: Outbox.Kind, of asker: Outbox.Asker, for id: DeviceID) -> Bool {
        switch kind {
        case .text:
            let waits = asker == .prompt && !settings.isInteractive
            guard let session = sessions[id]?.machine, session.isOpen else { return !waits && link(to: id) == nil }
            // What is under way makes room.
            return session.hasRoom
        case .ping: return link(to: id) != nil
        }
    }

    private func run(_ errand: Outbox.Errand, with id: DeviceID) {
        switch errand.kind {
        case .text(let text): submit(text, errand, to: id)
        case .ping: link(to: id)?.ping(token: errand.token)
        }
    }

    func answered(_ token: Int, in time: TimeAmount) {
        guard let errand = outbox.settled(token) else { return }
        let json = JSON.object([
            "answered": .string(errand.target.name), "round_trip_us": .integer(Int(time.nanoseconds / 1_000)),
        ])
        let text = "\(errand.target.name) answered in \(Wording.roundTrip(time))"
        answer(Answer(text: text, json: json), to: errand.asker)
    }

    /// What was under way when this device left; a text is on the disk.
    func unanswered(_ errand: Outbox.Errand) {
        switch errand.kind {
        case .text: tellKept(errand)
        case .ping: report(errand, "this device leaves")
        }
    }

    func report(_ errand: Outbox.Errand, _ fault: String) {
        switch errand.kind {
        case .text: fail("not delivered to \(errand.target.name): \(fault)", for: errand.asker)
        case .ping: fail("no answer from \(errand.target.name): \(fault)", for: errand.asker)
        }
    }
}
