// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import MeshCore
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

/// Replicas in memory, and between them connections that keep the order of what is said, until they break.
struct ReplicaMesh {
    private struct Link: Hashable {
        let from: Int
        let to: Int
    }

    let ids: [DeviceID]
    var generator: SeededGenerator
    /// Entries that were delivered as answers.
    var delivered = 0
    private(set) var longestMessage = 0
    /// Of each key the write that wins, of all that were acknowledged.
    private var written: [StoreKey: StoreEntry] = [:]
    private var replicas: [Replica<MemoryEntries>]
    /// How far each replica's clock is from the true time, in milliseconds.
    private var skews: [Int64]
    private var links: [Link: [WirePeerMessage.OneOf_Body]] = [:]
    private var timers: [NIODeadline?]
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    init(replicas count: Int, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        ids = try (0..<count).map { _ in
            let secret = (0..<32).map { _ in UInt8.random(in: 1...254, using: &generator) }
            return try DeviceID(of: P256.Signing.PrivateKey(rawRepresentation: secret).publicKey)
        }
        replicas = try ids.map { try Replica(ownID: $0, storage: MemoryEntries()) }
        skews = ids.map { _ in Int64.random(in: -30_000...30_000, using: &generator) }
        timers = ids.map { _ in nil }
        self.generator = generator
    }

    var isQuiet: Bool { links.values.allSatisfy(\.isEmpty) }
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

    /// The process ends, and starts with what its disk has.
    mutating func restart(_ replica: Int, with storage: MemoryEntries? = nil) throws {
        disconnect(replica)
        let storage = storage ?? replicas[replica].storage
        replicas[replica] = try Replica(ownID: ids[replica], storage: storage)
        timers[replica] = nil
    }
}

// Connections.
extension ReplicaMesh {
    mutating func connect(_ one: Int, _ other: Int) {
        guard links[Link(from: one, to: other)] == nil else { return }
        for link in [Link(from: one, to: other), Link(from: other, to: one)] { links[link] = [] }
        for (replica, peer) in [(one, other), (other, one)] {
            perform(attempt { try replicas[replica].opened(ids[peer], at: moment(of: replica)) }, by: replica)
        }
    }

    mutating func connectAll() {
        for one in ids.indices { for other in ids.indices where one < other { connect(one, other) } }
    }

    mutating func disconnect(_ one: Int, _ other: Int) {
        guard links[Link(from: one, to: other)] != nil else { return }
        for link in [Link(from: one, to: other), Link(from: other, to: one)] { links[link] = nil }
        for (replica, peer) in [(one, other), (other, one)] {
            perform(attempt { try replicas[replica].closed(ids[peer], at: moment(of: replica)) }, by: replica)
        }
    }

    mutating func disconnect(_ replica: Int) {
        for other in ids.indices where other != replica { disconnect(replica, other) }
    }

    mutating func disconnectAll() {
        for replica in ids.indices { disconnect(replica) }
    }

    /// Delivers one message, of whichever connection the seed says.
    mutating func deliverOne() {
        let busy = links.filter { !$0.value.isEmpty }.keys.sorted { ($0.from, $0.to) < ($1.from, $1.to) }
        guard let link = busy.randomElement(using: &generator), let body = links[link]?.removeFirst() else { return }
        perform(attempt { try received(body, link) }, by: link.to)
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

    /// False if nothing is due.
    mutating func passTime() -> Bool {
        guard let due = timers.compactMap(\.self).min() else { return false }
        now = max(now, due)
        for replica in ids.indices {
            guard let timer = timers[replica], timer <= now else { continue }
            timers[replica] = nil
            perform(attempt { try replicas[replica].timerFired(at: moment(of: replica)) }, by: replica)
        }
        return true
    }
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
        case .storePush(let push): return try replicas[link.to].received(push, from: peer, at: moment)
        case .storeAnswer(let answer):
            delivered += answer.writers.reduce(0) { $0 + $1.entries.count }
            return try replicas[link.to].received(answer, from: peer, at: moment)
        case .greeting, .heartbeat, .heartbeatAnswer, .acknowledgement, .goodbye, .resume, .probe, .probeAnswer,
            .masterClaim:
            return []
        }
    }

    private mutating func perform(_ actions: [Replica<MemoryEntries>.Action], by replica: Int) {
        for action in actions {
            switch action {
            case .send(let body, let id):
                guard let to = ids.firstIndex(of: id) else { continue }
                let size: [UInt8]? = try? WirePeerMessage.with { $0.body = body }.serializedBytes()
                longestMessage = max(longestMessage, size?.count ?? 0)
                links[Link(from: replica, to: to)]?.append(body)
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
