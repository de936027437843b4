// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import tcp_server

@Suite struct NewcomerGateTests {
    /// Where a login has to come inside TLS, it is none outside of it.
    @Test(arguments: [(true, [[1], [4, 2, 3]]), (false, [[1], [2, 3, 4]])] as [(Bool, [[DoorKeeper.Visitor]])])
    func `who brings a login is handed on before those who came earlier without one`(
        takesPasswords: Bool,
        order: [[DoorKeeper.Visitor]]
    ) async throws {
        try await Gate.run(places: 4, takesPasswords: takesPasswords) { gate in
            try await gate.connectsFirst(saying: "x")
            for _ in 0..<2 { try await gate.connect(saying: "x") }
            try await gate.connect(saying: "alice\nsecret\n")
            try await gate.letsIn(4)
            try await gate.handsOn(4)
            #expect(gate.groups == order)
        }
    }

    @Test func `a login waits until there is a place`() async throws {
        try await Gate.run(places: 1) { gate in
            try await gate.connectsFirst(saying: "alice\nsecret\n")
            try await gate.connect(saying: "bob\nsecret\n")
            gate.leaves(1)
            try await gate.handsOn(2)
            #expect(gate.groups == [[1], [2]])
        }
    }

    @Test func `they come in groups, and the hall has a moment between two`() async throws {
        try await Gate.run(places: 100) { gate in
            try await gate.connectsFirst(saying: "x")
            for _ in 1..<100 { try await gate.connect(saying: "x") }
            try await gate.letsIn(100)
            await gate.hall.run()
            #expect(gate.groups == [[1]])
            try await gate.handsOn(100)
            #expect(gate.groups.map(\.count) == [1, 32, 32, 32, 3])
        }
    }

    @Test func `who makes room is told so, be it in the hall or not yet`() async throws {
        try await Gate.run(places: 2) { gate in
            try await gate.connectsFirst(saying: "x")
            let second = try await gate.connect(saying: "x")
            try await gate.letsIn(2)
            for _ in 0..<2 { try await gate.connect(saying: "alice\nsecret\n") }
            try await second.isLeft()
            #expect(second.text == "Too many are logging in. Please try again later.\n")
            try await gate.handsOn(3)
            #expect(gate.leavers == [1])
        }
    }

    @Test func `who speaks on the way to the hall need not make room`() async throws {
        try await Gate.run(places: 2) { gate in
            try await gate.connectsFirst(saying: "x")
            let second = try await gate.connect(saying: "")
            try await gate.letsIn(2)
            try await second.send("alice\nsecret\n")
            for _ in 0..<2 { try await gate.connect(saying: "bob\nsecret\n") }
            try await gate.handsOn(3)
            #expect(gate.leavers == [1])
            #expect(gate.groups.joined().contains(2))
        }
    }

    @Test func `while as many wait as may, nobody else is accepted`() async throws {
        try await Gate.run(places: 1, limit: 1) { gate in
            try await gate.connect(saying: "alice\nsecret\n")
            try await gate.letsIn(1)
            let start = NIODeadline.now()
            // There is no place for the second, which waits, and the third does so behind it.
            let second = try await gate.connect(saying: "bob\nsecret\n")
            let third = try await gate.connect(saying: "x")
            try await third.isLeft()
            try await second.isLeft()
            #expect(NIODeadline.now() - start >= .seconds(1))
        }
    }

    @Test func `when the port is closed nobody who waits is left open`() async throws {
        try await Gate.run(places: 2) { gate in
            try await gate.connectsFirst(saying: "alice\nsecret\n")
            // One would be handed on later, and for the other there is no place.
            let peers = [
                try await gate.connect(saying: "bob\nsecret\n"), try await gate.connect(saying: "carol\nsecret\n"),
            ]
            try await gate.letsIn(2)
            try await gate.closePort()
            for peer in peers {
                try await peer.isLeft()
                #expect(peer.text == "")
            }
            try await gate.handsOn(1)
        }
    }
}

/// A gate at a port of loopback, before a hall that does something when it is told to.
private final class Gate: Sendable {
    let hall = NIOAsyncTestingEventLoop()
    private let acceptors = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let port: any Channel
    private let door: Door
    private let taken: Taken

    private final class Taken: Sendable {
        let guests = Mutex<[[NewcomerGate.Guest]]>([])
    }

    static func run(
        places: Int,
        limit: Int = 10,
        takesPasswords: Bool = true,
        _ body: (Gate) async throws -> Void
    ) async throws {
        let gate = try await Gate(places, limit, takesPasswords)
        defer { gate.taken.guests.withLock { for guest in $0.joined() { close(guest.socket) } } }
        try await body(gate)
        try? await gate.closePort()
        await gate.hall.shutdownGracefully()
        try await gate.acceptors.shutdownGracefully()
    }

    private init(_ places: Int, _ limit: Int, _ takesPasswords: Bool) async throws {
        let limits = DoorKeeper.Limits(
            connections: 10 * places,
            perAddress: 1,
            guestsPerAddress: 1,
            loginTime: .seconds(10)
        )
        let (door, taken, hall) = (Door(limits, counting: .allButLoopback), Taken(), hall)
        (self.door, self.taken) = (door, taken)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        port = try await ServerBootstrap(group: acceptors)
            .serverChannelInitializer { [logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    let gate = NewcomerGate(
                        limit: limit,
                        door: door,
                        takesPasswords: { _ in takesPasswords },
                        hall: hall,
                        logger: logger
                    ) { group in taken.guests.withLock { $0.append(group) } }
                    try channel.pipeline.syncOperations.addHandler(gate)
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
    }

    /// Somebody whose first words are there before it is accepted.
    @discardableResult
    func connect(saying words: String) async throws -> RelayPeer {
        let isReady = DispatchSemaphore(value: 0)
        defer { isReady.signal() }
        await withCheckedContinuation { isHeld in
            port.eventLoop.execute {
                isHeld.resume()
                isReady.wait()
            }
        }
        let peer = try await RelayPeer.connect(to: try #require(port.localAddress), .plain)
        try await peer.send(words)
        return peer
    }

    /// Somebody who is on the way to the hall, which is busy.
    func connectsFirst(saying words: String) async throws {
        try await connect(saying: words)
        try await letsIn(1)
    }

    /// Waits until so many places are taken.
    func letsIn(_ count: Int) async throws {
        let areIn = await eventually { door.taken.guests == count }
        #expect(areIn)
    }

    /// Waits until so many were handed on; the hall goes on all the time.
    func handsOn(_ count: Int) async throws {
        let areHandedOn = await eventually {
            await hall.advanceTime(by: .milliseconds(1))
            return groups.joined().count == count
        }
        #expect(areHandedOn)
    }

    /// The visitors, as they were handed on together.
    var groups: [[DoorKeeper.Visitor]] { taken.guests.withLock { $0.map { $0.map(\.visit.visitor) } } }

    /// Who had to make room.
    var leavers: [DoorKeeper.Visitor] { taken.guests.withLock { $0.joined().compactMap(\.insteadOf) } }

    func leaves(_ visitor: DoorKeeper.Visitor) {
        Visit(door: door, visitor: visitor).ended()
    }

    func closePort() async throws {
        try await port.close()
    }
}
