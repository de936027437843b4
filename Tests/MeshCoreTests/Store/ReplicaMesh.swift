// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

/// Replicas in memory and in virtual time, and between them connections that keep the order of what is said, until they
/// break.
///
/// It gives a replica what the agent would give it: of a connection that another has replaced nothing counts. So a
/// replica hears nothing twice by the network's doing; but what it has heard by one connection it is told again by the
/// next, in answers.
struct ReplicaMesh {
    private typealias Link = ReplicaConnections.Link

    let ids: [DeviceID]
    var generator: SeededGenerator
    var connections: ReplicaConnections
    /// Entries that were delivered as answers.
    var delivered = 0
    private(set) var longestMessage = 0
    /// Messages that came when their connection had been replaced.
    private(set) var tooLate = 0
    /// Entries that were delivered to who had them.
    private(set) var repeated = 0
    /// Of each key the write that wins, of all that were acknowledged.
    private var written: [StoreKey: StoreEntry] = [:]
    private var replicas: [Replica<MemoryEntries>]
    /// How far each replica's clock is from the true time, in milliseconds.
    private var skews: [Int64]
    /// By which connection each replica speaks with another, as far as it has seen.
    private var ends: [Link: Int] = [:]
    /// Which replicas can reach each other; nil for all.
    private var sides: [Int]?
    private var timers: [NIODeadline?]

    init(replicas count: Int, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        ids = try (0..<count).map { _ in
            let secret = (0..<32).map { _ in UInt8.random(in: 1...254, using: &generator) }
            return try DeviceID(of: P256.Signing.PrivateKey(rawRepresentation: secret).publicKey)
        }
        replicas = try ids.map { try Replica(ownID: $0, storage: MemoryEntries()) }
        skews = ids.map { _ in Self.skew(&generator) }
        timers = ids.map { _ in nil }
        connections = ReplicaConnections(seed: generator.next())
        self.generator = generator
    }

    var now: NIODeadline { connections.now }
    var isQuiet: Bool { connections.isQuiet }
    var isConverged: Bool {
        replicas.allSatisfy { $0.versions == replicas[0].versions && living($0) == living(replicas[0]) }
    }
    var tombstones: [Int] { replicas.map { $0.storage.entries.values.count { $0.value == nil } } }

    /// What each key that was ever written is to have.
    var winners: [StoreKey: Data?] { written.mapValues(\.value) }

    func storage(of replica: Int) -> MemoryEntries { replicas[replica].storage }

    func values(of key: String) throws -> [String?] {
        try replicas.map { try $0.value(of: StoreKey(key)).map { String(decoding: $0, as: UTF8.self) } }
    }

    mutating func write(_ value: String?, to key: String, at replica: Int) throws {
        let (key, bytes, moment) = (try StoreKey(key), value.map { Data($0.utf8) }, moment(of: replica))
        perform(try replicas[replica].write(bytes, to: key, at: moment), by: replica)
    }

    mutating func push(_ push: WireStorePush, to replica: Int, from other: Int) throws {
        perform(try replicas[replica].received(push, from: ids[other], at: moment(of: replica)), by: replica)
    }

    mutating func digest(_ digest: WireStoreDigest, to replica: Int, from other: Int) throws {
        perform(try replicas[replica].received(digest, from: ids[other], at: moment(of: replica)), by: replica)
    }

    /// The process ends, and starts with what its disk has: all that it acknowledged.
    ///
    /// What it said last is lost, and its clock may have been set.
    mutating func restart(_ replica: Int, with storage: MemoryEntries? = nil) throws {
        connections.crash(replica, among: ids.count)
        ends = ends.filter { $0.key.from != replica }
        let storage = storage ?? replicas[replica].storage
        replicas[replica] = try Replica(ownID: ids[replica], storage: storage)
        timers[replica] = nil
        skews[replica] = Self.skew(&generator)
    }

    private static func skew(_ generator: inout SeededGenerator) -> Int64 {
        Int64.random(in: -30_000...30_000, using: &generator)
    }
}

// Connections.
extension ReplicaMesh {
    /// Both ends see it at once.
    mutating func connect(_ one: Int, _ other: Int) {
        let link = Link(from: one, to: other)
        guard canReach(link), !isConnected(link) else { return }
        let connection = connections.begin(link)
        for end in [link, link.reversed] { opened(connection, at: end) }
    }

    mutating func connectAll() {
        for one in ids.indices { for other in ids.indices where one < other { connect(one, other) } }
    }

    /// A new connection, beside another if there is one: each end goes over to it when it sees it.
    mutating func reconnect(_ one: Int, _ other: Int) {
        let link = Link(from: one, to: other)
        guard canReach(link) else { return }
        let connection = connections.begin(link)
        for link in [link, link.reversed] { connections.say(.opened, by: connection, link) }
    }

    /// Both ends see it at once, and what was under way is lost.
    mutating func disconnect(_ one: Int, _ other: Int) {
        let link = Link(from: one, to: other)
        connections.end(link)
        for end in [link, link.reversed] {
            if let connection = ends[end] { closed(connection, at: end) }
        }
    }

    mutating func disconnect(_ replica: Int) {
        for other in ids.indices where other != replica { disconnect(replica, other) }
    }

    mutating func disconnectAll() {
        for replica in ids.indices { disconnect(replica) }
    }

    /// Each end sees it later, and what was said before may still come.
    mutating func cut(_ one: Int, _ other: Int) {
        connections.cut(Link(from: one, to: other))
    }

    /// Splits the network; connections over the split break.
    mutating func split(_ sides: [Int]) {
        self.sides = sides
        for one in ids.indices {
            for other in ids.indices where one < other && sides[one] != sides[other] { cut(one, other) }
        }
    }

    mutating func heal() { sides = nil }

    private func canReach(_ link: Link) -> Bool { sides.map { $0[link.from] == $0[link.to] } ?? true }

    /// Whether both ends have the same connection, and it is not broken.
    private func isConnected(_ link: Link) -> Bool {
        guard let connection = ends[link], ends[link.reversed] == connection else { return false }
        return connections.isWhole(connection)
    }

    /// A replica, the end's `from`, sees a connection with its `to`.
    private mutating func opened(_ connection: Int, at end: Link) {
        if let old = ends[end] {
            // Of two that were begun at once one stays, the same at both ends.
            guard old < connection else { return }
            connections.finish(old, by: end)
            closed(old, at: end)
        }
        ends[end] = connection
        perform(attempt { try replicas[end.from].opened(ids[end.to], at: moment(of: end.from)) }, by: end.from)
    }

    private mutating func closed(_ connection: Int, at end: Link) {
        // Of one that was replaced it is no news.
        guard ends[end] == connection else { return }
        ends[end] = nil
        perform(attempt { try replicas[end.from].closed(ids[end.to], at: moment(of: end.from)) }, by: end.from)
    }
}

// Time.
extension ReplicaMesh {
    /// Delivers what comes next; before it, timers have fired that are due by then.
    mutating func deliverOne() {
        while let due = nextTimer, let next = connections.next, due < next { _ = passTime() }
        guard let arrival = connections.takeNext() else { return }
        let end = arrival.link.reversed
        switch arrival.news {
        case .opened: opened(arrival.connection, at: end)
        case .closed: closed(arrival.connection, at: end)
        case .said(let body):
            if ends[end] == arrival.connection {
                perform(attempt { try received(body, arrival.link) }, by: end.from)
            } else {
                tooLate += 1
            }
        }
    }

    mutating func deliverAll() {
        while !isQuiet { deliverOne() }
    }

    /// Lets time pass until nothing happens any more.
    mutating func settle() {
        for _ in 0..<100 {
            deliverAll()
            if !passTime() { return }
        }
    }

    /// Until a timer is due, and nothing comes meanwhile, as late as it may be; false if none is set.
    mutating func passTime() -> Bool {
        guard let due = nextTimer else { return false }
        connections.wait(until: due)
        for replica in ids.indices {
            guard let timer = timers[replica], timer <= now else { continue }
            timers[replica] = nil
            perform(attempt { try replicas[replica].timerFired(at: moment(of: replica)) }, by: replica)
        }
        return true
    }

    private var nextTimer: NIODeadline? { timers.compactMap(\.self).min() }
}

extension ReplicaMesh {
    private mutating func received(
        _ body: WirePeerMessage.OneOf_Body,
        _ link: Link
    ) throws -> [Replica<MemoryEntries>.Action] {
        let (peer, moment) = (ids[link.from], moment(of: link.to))
        switch body {
        case .storeDigest(let digest): return try replicas[link.to].received(digest, from: peer, at: moment)
        case .storeRequest(let request): return try replicas[link.to].received(request, from: peer)
        case .storePush(let push):
            repeated += known(push.writers, by: link.to)
            return try replicas[link.to].received(push, from: peer, at: moment)
        case .storeAnswer(let answer):
            delivered += answer.writers.reduce(0) { $0 + $1.entries.count }
            repeated += known(answer.writers, by: link.to)
            return try replicas[link.to].received(answer, from: peer, at: moment)
        case .greeting, .heartbeat, .heartbeatAnswer, .acknowledgement, .goodbye, .resume, .probe, .probeAnswer,
            .masterClaim:
            return []
        }
    }

    /// How many of the entries a replica has already.
    private func known(_ writers: [WireStoreWriter], by replica: Int) -> Int {
        writers.reduce(0) { count, group in
            guard let writer = DeviceID(bytes: group.writer) else { return count }
            let version = replicas[replica].versions[writer]
            return count + group.entries.count { $0.sequence <= version }
        }
    }

    private mutating func perform(_ actions: [Replica<MemoryEntries>.Action], by replica: Int) {
        for action in actions {
            switch action {
            case .send(let body, let id):
                guard let to = ids.firstIndex(of: id) else { continue }
                let size: [UInt8]? = try? WirePeerMessage.with { $0.body = body }.serializedBytes()
                longestMessage = max(longestMessage, size?.count ?? 0)
                let link = Link(from: replica, to: to)
                guard let connection = ends[link] else { continue }
                connections.say(.said(body), by: connection, link)
            case .changed(let entry):
                let rival = written[entry.key]
                let wins = rival.map { ($0.time, $0.writer) < (entry.time, entry.writer) } ?? true
                if wins { written[entry.key] = entry }
            case .setTimer(let deadline): timers[replica] = deadline
            }
        }
    }

    private func moment(of replica: Int) -> Replica<MemoryEntries>.Moment {
        let milliseconds = Int64(1_700_000_000_000) + Int64(now.uptimeNanoseconds / 1_000_000) + skews[replica]
        return .init(deadline: now, milliseconds: UInt64(milliseconds))
    }

    private func living(_ replica: Replica<MemoryEntries>) -> [StoreKey: Data] {
        replica.storage.entries.compactMapValues(\.value)
    }
}

/// What a replica answers; in a simulation nothing breaks a rule.
private func attempt<Value>(_ body: () throws -> [Value]) -> [Value] {
    do { return try body() } catch {
        Issue.record(error)
        return []
    }
}
