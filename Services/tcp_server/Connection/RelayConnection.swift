// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import Metrics
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

    /// How what comes is understood.
    enum Understanding {
        case lines(LinesDialogue, LineDecoder)
        case requests(RelayRequestDecoder)
    }

    let dialect: Dialect
    let logger: Logger
    let visit: Visit
    private let privacy: RelaySession.Privacy
    let surroundings: Surroundings
    var understanding: Understanding
    var session = RelaySession()
    var context: ChannelHandlerContext?
    /// What the channel says of itself; kept here since it is asked for each delivery.
    var isWritable = false
    var inbound = ByteBuffer()
    var budget = LoginBudget()
    var isReadHeld = false
    var isInputClosed = false
    /// Messages of this client that the store has not answered for.
    var waitingForStore = 0
    /// Too much of all clients waits for the store.
    var isHeldBack = false
    /// The end of the session, which waits until the store has answered for its messages.
    private var heldEnd: [RelaySession.Action]?
    /// The client sends nothing more, and stays until it has been told what there is.
    var isFinishing = false
    var isFarewellWritten = false
    var isProcessing = false
    var isPumping = false
    var isToBePumpedAgain = false
    /// Written with the next flush.
    var outbound = ByteBuffer()
    var occupant: Occupant?
    /// The rooms that the client is in, the lobby first.
    var readers: [RoomReader] = []
    var loginDeadline: Scheduled<Void>?
    var endDeadline: Scheduled<Void>?

    init(
        dialect: Dialect,
        visit: Visit,
        privacy: RelaySession.Privacy,
        surroundings: Surroundings,
        logger: Logger
    ) {
        self.dialect = dialect
        self.visit = visit
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
        isWritable = context.channel.isWritable
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
        let bytes = unwrapInboundIn(data)
        if session.hasEnded { return }
        Traffic.receivedBytes.increment(by: bytes.readableBytes)
        inbound.append(arrived: bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        process()
    }

    /// Holds back the next read while nothing that it brings could be used.
    func read(context: ChannelHandlerContext) {
        if session.hasEnded || takesMore {
            context.read()
        } else {
            isReadHeld = true
            waitForStore()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
            pumpAll()
            process()
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .crowdedOut? = event as? DoorEvent {
            perform(session.crowdedOut())
            flush()
        }
        if let event = event as? ChannelEvent, event == .inputClosed {
            isInputClosed = true
            if !session.hasEnded { process() } else if isFarewellWritten { closeNow() }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        session.closed()
        heldEnd = nil
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
    /// A message of this client's goes to the store; ``accepted(_:)`` or ``refused(_:_:_:)`` follows.
    func waitsForStore() {
        waitingForStore += 1
    }

    func accepted(_ accepted: WireAccepted) {
        waitingForStore -= 1
        send(.accepted(accepted))
    }

    func refused(_ clientMessageID: String, _ reason: WireError.Reason, _ explanation: String) {
        waitingForStore -= 1
        let error = WireError.with {
            ($0.clientMessageID, $0.reason, $0.explanation) = (clientMessageID, reason, explanation)
        }
        send(.error(error))
    }

    /// All answers of the store that there were are given.
    func settled() {
        if waitingForStore == 0, let end = heldEnd {
            heldEnd = nil
            performNow(end)
        }
        flush()
        process()
    }

    /// Accounts came to a room or left it: `forms` has the events in each dialect.
    func tellPresence(_ forms: [ByteBuffer], to reader: RoomReader) {
        guard occupant?.wantsPresence == true, context != nil else { return }
        guard isWritable else {
            reader.missedPresence = true
            return
        }
        outbound.writeImmutableBuffer(forms[dialect.rawValue])
        flush()
    }

    /// The same session has another connection.
    func replace() {
        perform(session.replaced())
        flush()
    }

    /// What an operator is told of it; nil before the login.
    var figures: ClientFigures? {
        guard let occupant else { return nil }
        return ClientFigures(
            user: occupant.author.account.description,
            session: occupant.session,
            dialect: "\(dialect)",
            address: context?.remoteAddress?.endpoint ?? "?",
            since: occupant.since,
            rooms: readers.map { $0.room.name.description }
        )
    }

    /// An operator wants it gone.
    func kick() {
        perform(session.kicked())
        flush()
    }

    /// The relay stops.
    func shutDown(retryAfter: TimeAmount) {
        perform(session.shuttingDown(retryAfter: retryAfter))
        flush()
    }
}

// MARK: Actions

extension RelayConnection {
    func perform(_ actions: [LinesDialogue.Action]) {
        for action in actions {
            switch action {
            case .write(let text): outbound.writeString(text)
            case .request(let request): perform(session.received(request))
            }
        }
    }

    /// After a good-bye there is nothing, and what this client published is to be acknowledged: the end waits for that.
    func perform(_ actions: [RelaySession.Action]) {
        guard waitingForStore > 0, case .end? = actions.last, let context else { return performNow(actions) }
        heldEnd = actions
        endDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(2)) {
            self.heldEnd = nil
            self.performNow(actions)
        }
    }

    private func performNow(_ actions: [RelaySession.Action]) {
        for action in actions {
            switch action {
            case .send(let event): send(event)
            case .verify(let credentials): verify(credentials)
            case .enter(let name, let entrance): enter(name, entrance)
            case .publish(let publication): publish(publication)
            case .join(let room): join(room)
            case .leave(let room): leave(room)
            case .tellWho(let room): tellWho(room)
            case .page(let request): page(request)
            case .startLoginDeadline: startLoginDeadline()
            case .stopLoginDeadline: loginDeadline?.cancel()
            case .end: end()
            }
        }
    }

    func send(_ event: RelayEvent) {
        if case .welcome = event { visit.loggedIn() }
        if case .refused(let refusal) = event {
            count(.refusedLogin)
            visit.checkFailed()
            logger.info("login refused", metadata: ["reason": "\(refusal.reason)"])
        }
        guard case .lines(var dialogue, let decoder) = understanding else {
            return dialect.write(event, to: &outbound)
        }
        let actions = dialogue.answered(event)
        understanding = .lines(dialogue, decoder)
        perform(actions)
    }

    func flush() {
        guard let context, outbound.readableBytes > 0 else { return }
        writeOutbound(context)
        context.flush()
    }

    func writeOutbound(_ context: ChannelHandlerContext) {
        guard outbound.readableBytes > 0 else { return }
        if !session.isOnline { budget.wrote(outbound.readableBytes) }
        Traffic.sentBytes.increment(by: outbound.readableBytes)
        context.write(wrapOutboundOut(outbound), promise: nil)
        outbound = ByteBuffer()
    }
}
