// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import NIOCore

// The way of bytes that come in: to requests, and to the machine.

extension RelayConnection {
    /// Hands what has come to the machine, as long as it takes more and the client takes the answers.
    func process() {
        // A step may end up here again.
        guard !isProcessing, let context else { return }
        isProcessing = true
        while takesMore, step() {}
        isProcessing = false
        waitForStore()
        flush()
        if isInputClosed, session.takesRequests, inbound.readableBytes == 0, waitingForStore == 0 { finishInput() }
        if isReadHeld, session.hasEnded || takesMore {
            isReadHeld = false
            context.read()
        }
    }

    /// Whether the next request may be taken: the answers can be written, and the store is not far behind.
    var takesMore: Bool {
        session.takesRequests && isWritable && waitingForStore < Self.mostWaiting && !isBehindStore
    }

    /// Whether the store has too much to do to take messages of this client; a login does not wait for that.
    private var isBehindStore: Bool { session.isOnline && surroundings.rooms.isFull }

    /// Asks to be called when the store has caught up.
    func waitForStore() {
        guard isBehindStore, !isHeldBack else { return }
        isHeldBack = true
        surroundings.rooms.holdBack(self)
    }

    /// The store has caught up.
    func readOn() {
        isHeldBack = false
        process()
    }

    static let mostWaiting = 2_000

    /// Takes one request or line; false if there is none.
    private func step() -> Bool {
        let before = inbound.readableBytes
        do {
            guard try takeOne() else {
                try checkBudget(inbound.readableBytes)
                return false
            }
            if !session.isOnline { budget.took(before - inbound.readableBytes) }
            try checkBudget(0)
            if inbound.readableBytes == 0 { inbound.clear() }
            return true
        } catch {
            count(.violation)
            logger.info("protocol violated", metadata: ["violation": "\(error)", "dialect": "\(dialect)"])
            perform(session.violated(error))
            return false
        }
    }

    private func takeOne() throws(WireViolation) -> Bool {
        switch understanding {
        case .lines(var dialogue, var decoder):
            let line = try decoder.next(from: &inbound) ?? (isInputClosed ? decoder.last(from: &inbound) : nil)
            let actions = line.map { dialogue.received($0) }
            understanding = .lines(dialogue, decoder)
            guard let actions else { return false }
            perform(actions)
        case .requests(var decoder):
            defer { understanding = .requests(decoder) }
            guard let request = try decoder.next(from: &inbound) else {
                // What is left of a message that never ends.
                if isInputClosed { inbound.clear() }
                return false
            }
            perform(session.received(request))
        }
        return true
    }

    private func checkBudget(_ unused: Int) throws(WireViolation) {
        // Bytes behind a login that is being checked are not counted: they are held back, one read of them.
        guard !session.isOnline, session.takesRequests else { return }
        try budget.check(unused: unused, unwritten: outbound.readableBytes)
    }
}
