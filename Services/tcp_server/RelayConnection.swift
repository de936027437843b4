// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import NIOCore
import SwiftProtobuf

/// Drives one connection's ``RelaySession``: bytes in, requests to the machine; its actions and the room's log, bytes
/// out.
///
/// The connection's dialect is known.
///
/// Back-pressure goes both ways. A client that doesn't read is written nothing more than its channel takes: it is only a
/// cursor in the log. And while its channel is full nothing is read from it, so that answers can't pile up.
final class RelayConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// What all connections share.
    struct Surroundings {
        let room: Room
        let authenticator: Authenticator
        let loginTime: TimeAmount
        let dialectTime: TimeAmount
    }

    /// How what comes is understood.
    private enum Understanding {
        case lines(LinesDialogue, LineDecoder)
        case requests(RelayRequestDecoder)
    }

    private let dialect: Dialect
    private let privacy: RelaySession.Privacy
    private let surroundings: Surroundings
    private let logger: Logger
    private var understanding: Understanding
    private var session = RelaySession()
    private var context: ChannelHandlerContext?
    private var inbound = ByteBuffer()
    private var bytesBeforeLogin = 0
    private var isReadHeld = false
    private var isInputClosed = false
    /// The client sends nothing more, and stays until it has been told what there is.
    private var isFinishing = false
    private var isFarewellWritten = false
    private var isProcessing = false
    private var isPumping = false
    /// Written with the next flush.
    private var outbound = ByteBuffer()
    private var membership: (member: Member, cursor: Cursor)?
    private var loginDeadline: Scheduled<Void>?
    private var endDeadline: Scheduled<Void>?

    init(
        dialect: Dialect,
        privacy: RelaySession.Privacy,
        surroundings: Surroundings,
        logger: Logger
    ) {
        self.dialect = dialect
        self.privacy = privacy
        self.surroundings = surroundings
        self.logger = logger
        understanding =
            RelayRequestDecoder(dialect).map { .requests($0) }
            ?? .lines(LinesDialogue(), LineDecoder(limit: RelayLimits.frame))
    }

    var isOnline: Bool { session.isOnline }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        logger.debug("connection opened", metadata: ["dialect": "\(dialect)"])
        startLoginDeadline()
        let actions = session.opened(privacy)
        if case .lines(var dialogue, let decoder) = understanding, actions.isEmpty {
            perform(dialogue.opened())
            understanding = .lines(dialogue, decoder)
        }
        perform(actions)
        flush()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if session.hasEnded { return }
        if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        process()
    }

    /// Holds back the next read while nothing that it brings could be used.
    func read(context: ChannelHandlerContext) {
        if session.hasEnded || (session.takesRequests && context.channel.isWritable) {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            pump()
            process()
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            isInputClosed = true
            if !session.hasEnded { process() } else if isFarewellWritten { closeNow() }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        session.closed()
        leave()
        loginDeadline?.cancel()
        endDeadline?.cancel()
        logger.debug("connection closed")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset, or TLS that broke: this connection is over, and nobody else notices.
        logger.debug("connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }
}

// MARK: What others tell this connection, on its event loop

extension RelayConnection {
    /// Writes what the log has for the reader, as far as the channel takes it.
    func pump() {
        // A flush that empties the channel says so at once, and ends up here again.
        guard !isPumping else { return }
        guard let context, var cursor = membership?.cursor else {
            flush()
            return finishIfWritten()
        }
        isPumping = true
        defer { isPumping = false }
        while context.channel.isWritable, let delivery = surroundings.room.read(&cursor, in: dialect, limit: chunk) {
            switch delivery {
            case .gap(let first, let last):
                count(.gap)
                send(.gap(.with { ($0.room, $0.first, $0.last) = (lobby, first, last) }))
            case .messages(let slices):
                writeOutbound(context)
                for slice in slices { context.write(wrapOutboundOut(slice), promise: nil) }
                context.flush()
            }
        }
        membership?.cursor = cursor
        flush()
        finishIfWritten()
    }

    /// A message of this client's is in the log.
    func accepted(_ accepted: WireAccepted) {
        send(.accepted(accepted))
    }

    /// The same session has another connection.
    func replace() {
        perform(session.replaced())
        flush()
    }

    /// The relay stops.
    func shutDown(retryAfter: TimeAmount) {
        perform(session.shuttingDown(retryAfter: retryAfter))
        flush()
    }
}

// MARK: Requests

extension RelayConnection {
    /// Hands what has come to the machine, as long as it takes more and the client takes the answers.
    private func process() {
        // A step may end up here again.
        guard !isProcessing, let context else { return }
        isProcessing = true
        while session.takesRequests, context.channel.isWritable, step() {}
        isProcessing = false
        flush()
        if isInputClosed, session.takesRequests, inbound.readableBytes == 0 { finishInput() }
        if isReadHeld, session.hasEnded || (session.takesRequests && context.channel.isWritable) {
            isReadHeld = false
            context.read()
        }
    }

    /// Takes one request or line; false if there is none.
    private func step() -> Bool {
        let before = inbound.readableBytes
        do {
            guard try takeOne() else {
                try checkBudget(inbound.readableBytes)
                return false
            }
            if !session.isOnline { bytesBeforeLogin += before - inbound.readableBytes }
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
        let isOver = !session.isOnline && bytesBeforeLogin + unused > RelayLimits.bytesBeforeLogin
        // Bytes behind a login that is being checked are not counted: they are held back, one read of them.
        if isOver, session.takesRequests { throw .notAllowed("too much before the login") }
    }

    /// The client sends nothing more.
    ///
    /// What it published is acknowledged, and what it was to be told is told, first.
    private func finishInput() {
        guard let context, !isFinishing else { return }
        // Behind the commit of this turn.
        context.eventLoop.assumeIsolated().execute {
            self.isFinishing = true
            self.pump()
        }
    }

    /// Ends the session of a client that sends nothing more, when it has been written everything.
    ///
    /// Closing a connection whose other side is closed forgets what waits to be written.
    private func finishIfWritten() {
        // While the channel is full there may be more in the log.
        guard isFinishing, let context, context.channel.isWritable else { return }
        isFinishing = false
        whenAllIsWritten(context) {
            self.perform(self.session.inputClosed())
            self.flush()
        }
    }

    /// Calls `body` when all that was written is on its way, or the channel is closed.
    private func whenAllIsWritten(_ context: ChannelHandlerContext, _ body: @escaping () -> Void) {
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in body() }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
    }
}

// MARK: Actions

extension RelayConnection {
    private func perform(_ actions: [LinesDialogue.Action]) {
        for action in actions {
            switch action {
            case .write(let text): outbound.writeString(text)
            case .request(let request): perform(session.received(request))
            }
        }
    }

    private func perform(_ actions: [RelaySession.Action]) {
        for action in actions {
            switch action {
            case .send(let event): send(event)
            case .verify(let user, let password): verify(user, password)
            case .enter(let name, let session, let positions): enter(name, session, positions)
            case .publish(let publish): self.publish(publish)
            case .startLoginDeadline: startLoginDeadline()
            case .stopLoginDeadline: loginDeadline?.cancel()
            case .end: end()
            }
        }
    }

    private func send(_ event: RelayEvent) {
        // After a good-bye there is nothing, and what this client published is to be acknowledged.
        if case .bye = event { surroundings.room.settle() }
        if case .refused(let refusal) = event {
            count(.refusedLogin)
            logger.info("login refused", metadata: ["reason": "\(refusal.reason)"])
        }
        guard case .lines(var dialogue, let decoder) = understanding else {
            return dialect.write(event, to: &outbound)
        }
        let actions = dialogue.answered(event)
        understanding = .lines(dialogue, decoder)
        perform(actions)
    }

    private func verify(_ user: String, _ password: String) {
        guard let context else { return }
        let verdict = surroundings.authenticator.verify(user: user, password: password, on: context.eventLoop)
        verdict.assumeIsolated().whenSuccess { verdict in
            self.perform(self.session.verified(verdict))
            self.pump()
            self.process()
        }
    }

    private func enter(_ name: AccountName, _ sessionName: String, _ positions: [WirePosition]) {
        let place = surroundings.room.enter(self, as: name, session: sessionName, positions: positions)
        guard let place else { return perform(session.entered(.presentAlready)) }
        membership = (place.member, place.cursor)
        logger.info("logged in", metadata: ["user": "\(name)", "dialect": "\(dialect)"])
        perform(session.entered(.admitted(heads: [place.head])))
    }

    private func publish(_ publish: WirePublish) {
        guard let membership else { return }
        surroundings.room.publish(publish, by: membership.member, from: self)
    }

    private func startLoginDeadline() {
        guard let context else { return }
        loginDeadline?.cancel()
        loginDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: surroundings.loginTime) {
            self.perform(self.session.loginDeadlinePassed())
            self.flush()
        }
    }

    /// Sends what is waiting and then the end of our side.
    ///
    /// The client has a moment to close its own: closing at once while unread bytes are there would reset the
    /// connection and lose the last words.
    private func end() {
        leave()
        guard let context else { return }
        inbound.clear()
        writeOutbound(context)
        whenAllIsWritten(context) {
            self.isFarewellWritten = true
            if self.isInputClosed { self.closeNow() } else { self.context?.close(mode: .output, promise: nil) }
        }
        if isReadHeld {
            isReadHeld = false
            context.read()
        }
        endDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(500)) { self.closeNow() }
    }

    private func closeNow() {
        context?.close(promise: nil)
    }

    private func leave() {
        guard let (member, _) = membership else { return }
        membership = nil
        surroundings.room.leave(self, member)
    }

    private func flush() {
        guard let context, outbound.readableBytes > 0 else { return }
        writeOutbound(context)
        context.flush()
    }

    private func writeOutbound(_ context: ChannelHandlerContext) {
        guard outbound.readableBytes > 0 else { return }
        context.write(wrapOutboundOut(outbound), promise: nil)
        outbound = ByteBuffer()
    }
}

/// What a reader is given at a time.
private let chunk = 64 * 1024
