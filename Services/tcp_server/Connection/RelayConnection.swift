// SPDX-License-Identifier: Apache-2.0

import Foundation
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

    /// How what comes is understood.
    private enum Understanding {
        case lines(LinesDialogue, LineDecoder)
        case requests(RelayRequestDecoder)
    }

    let dialect: Dialect
    let logger: Logger
    private let privacy: RelaySession.Privacy
    private let surroundings: Surroundings
    private var understanding: Understanding
    private var session = RelaySession()
    private var context: ChannelHandlerContext?
    private var inbound = ByteBuffer()
    private var bytesBeforeLogin = 0
    private var isReadHeld = false
    private var isInputClosed = false
    /// Messages of this client that the store has not answered for, and their bytes.
    private var waitingForStore = 0
    /// The end of the session, which waits until the store has answered for its messages.
    private var heldEnd: [RelaySession.Action]?
    /// The client sends nothing more, and stays until it has been told what there is.
    private var isFinishing = false
    private var isFarewellWritten = false
    private var isProcessing = false
    private var isPumping = false
    private var isToBePumpedAgain = false
    /// Written with the next flush.
    private var outbound = ByteBuffer()
    private var occupant: Occupant?
    /// The rooms that the client is in, the lobby first.
    private var readers: [RoomReader] = []
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
        if session.hasEnded || takesMore(context) {
            context.read()
        } else {
            isReadHeld = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            pumpAll()
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
        guard occupant?.wantsPresence == true, let context else { return }
        guard context.channel.isWritable else {
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

// MARK: Deliveries

extension RelayConnection {
    /// Writes what a room has for the client, as far as the channel takes it.
    func pump(_ reader: RoomReader) {
        // A flush that empties the channel says so at once, and ends up here again.
        if isPumping {
            isToBePumpedAgain = true
            return
        }
        guard let context else { return }
        isPumping = true
        writeNews(for: reader, context)
        isPumping = false
        if isToBePumpedAgain { pumpAll() } else { flush() }
    }

    /// Writes what all rooms have for the client.
    private func pumpAll() {
        if isPumping {
            isToBePumpedAgain = true
            return
        }
        guard let context else { return }
        isPumping = true
        repeat {
            isToBePumpedAgain = false
            for reader in readers { pumpOne(reader, context) }
        } while isToBePumpedAgain
        isPumping = false
        flush()
        finishIfWritten()
    }

    private func pumpOne(_ reader: RoomReader, _ context: ChannelHandlerContext) {
        if reader.missedPresence, context.channel.isWritable {
            reader.missedPresence = false
            send(reader.room.presence.people(in: reader.room.name))
        }
        writeNews(for: reader, context)
    }

    private func writeNews(for reader: RoomReader, _ context: ChannelHandlerContext) {
        while context.channel.isWritable, !reader.isReading,
            let delivery = reader.room.log.read(&reader.cursor, in: dialect, limit: readerChunk)
        {
            switch delivery {
            case .gap(let first, let last): tellGap(reader.room, first, last)
            case .messages(let slices): write(slices, context)
            case .stored: readStored(reader)
            }
        }
    }

    private func write(_ slices: [ByteBuffer], _ context: ChannelHandlerContext) {
        writeOutbound(context)
        for slice in slices { context.write(wrapOutboundOut(slice), promise: nil) }
        context.flush()
    }

    private func tellGap(_ room: Room, _ first: UInt64, _ last: UInt64) {
        count(.gap)
        send(.gap(.with { ($0.room, $0.first, $0.last) = (room.name.description, first, last) }))
    }

    /// Reads what comes next from the store: one chunk, however far behind the reader is.
    private func readStored(_ reader: RoomReader) {
        reader.isReading = true
        let rooms = surroundings.rooms
        reader.room.readStored(from: reader.cursor.next, store: rooms.store, on: rooms.loop) { result in
            reader.isReading = false
            // It may have left meanwhile.
            guard reader.connection === self, let context = self.context else { return }
            self.deliver(result, to: reader, context)
            self.pumpAll()
        }
    }

    private func deliver(
        _ result: Result<[MessageBatch], StoreFault>,
        to reader: RoomReader,
        _ context: ChannelHandlerContext
    ) {
        var slices: [ByteBuffer] = []
        var batches: [MessageBatch] = []
        switch result {
        case .success(let found): batches = found
        case .failure(let fault): logger.error("messages can't be read", metadata: ["fault": "\(fault)"])
        }
        for var batch in batches where batch.last >= reader.cursor.next {
            passOver(until: batch.first, reader)
            batch.encode(in: dialect)
            _ = batch.read(&reader.cursor, in: dialect, limit: .max, into: &slices)
            write(slices, context)
            slices = []
        }
        // What is neither in memory nor in the store is lost, and said to be.
        if batches.isEmpty { passOver(until: reader.room.log.firstInMemory, reader) }
    }

    private func passOver(until sequence: UInt64, _ reader: RoomReader) {
        guard reader.cursor.next < sequence else { return }
        tellGap(reader.room, reader.cursor.next, sequence - 1)
        reader.cursor.skip(to: sequence)
    }
}

// MARK: Requests

extension RelayConnection {
    /// Hands what has come to the machine, as long as it takes more and the client takes the answers.
    private func process() {
        // A step may end up here again.
        guard !isProcessing, let context else { return }
        isProcessing = true
        while takesMore(context), step() {}
        isProcessing = false
        flush()
        if isInputClosed, session.takesRequests, inbound.readableBytes == 0, waitingForStore == 0 { finishInput() }
        if isReadHeld, session.hasEnded || takesMore(context) {
            isReadHeld = false
            context.read()
        }
    }

    /// Whether the next request may be taken: the answers can be written, and the store is not far behind.
    private func takesMore(_ context: ChannelHandlerContext) -> Bool {
        session.takesRequests && context.channel.isWritable && waitingForStore < Self.mostWaiting
    }

    private static let mostWaiting = 2_000

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

    /// The client sends nothing more, and what it published is acknowledged.
    ///
    /// What it was to be told is told, first.
    private func finishInput() {
        guard !isFinishing else { return }
        isFinishing = true
        pumpAll()
    }

    /// Ends the session of a client that sends nothing more, when it has been written everything.
    ///
    /// Closing a connection whose other side is closed forgets what waits to be written.
    private func finishIfWritten() {
        // While the channel is full there may be more in the log.
        guard isFinishing, let context, context.channel.isWritable, !readers.contains(where: \.isReading) else {
            return
        }
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

    /// After a good-bye there is nothing, and what this client published is to be acknowledged: the end waits for that.
    private func perform(_ actions: [RelaySession.Action]) {
        guard waitingForStore > 0, actions.contains(.end), let context else { return performNow(actions) }
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

    private func send(_ event: RelayEvent) {
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

    private func verify(_ credentials: RelaySession.Credentials) {
        guard let context else { return }
        let verdict = surroundings.authenticator.verify(credentials, on: context.eventLoop)
        verdict.assumeIsolated().whenSuccess { verdict in
            self.perform(self.session.verified(verdict))
            self.pumpAll()
            self.process()
        }
    }

    private func enter(_ name: AccountName, _ entrance: RelaySession.Entrance) {
        let session = entrance.session.isEmpty ? UUID().uuidString : entrance.session
        guard surroundings.sessions.enter(self, as: name, session: session) else {
            return perform(self.session.entered(.tooManyClients))
        }
        let isLines = dialect == .lines
        occupant = Occupant(
            author: Author(account: name, sessionNamed: session),
            session: session,
            wantsPresence: isLines ? surroundings.tellsLinesPresence : entrance.wantsPresence
        )
        let others = entrance.positions.compactMap { RoomName($0.room) }.filter { $0 != .lobby && $0.owner == nil }
        for room in [.lobby, .inbox(of: name)] + others.prefix(surroundings.rooms.limits.roomsPerClient) {
            let position = entrance.positions.first { $0.room == room.description }
            _ = enter(room, at: position)
        }
        let ticket =
            isLines ? nil : surroundings.authenticator.tickets.issue(name, session: session, seal: entrance.seal)
        let heads = readers.map(\.room.head)
        perform(self.session.entered(.admitted(.init(session: session, heads: heads, ticket: ticket))))
        flush()
        logger.info("logged in", metadata: ["user": "\(name)", "dialect": "\(dialect)"])
    }

    /// Lets the client into a room, where it was before or at its newest messages; nil where there are too many rooms.
    private func enter(_ name: RoomName, at position: WirePosition?) -> RoomReader? {
        guard let occupant, let room = surroundings.rooms.room(name) else { return nil }
        let session = occupant.author.session
        let cursor =
            if let position, position.log == room.log.id {
                room.log.resume(after: position.sequence, session: session)
            } else {
                room.log.start(of: session, history: surroundings.rooms.limits.history)
            }
        let reader = RoomReader(room, account: occupant.author.account, connection: self, cursor: cursor)
        readers.append(reader)
        room.add(reader)
        surroundings.rooms.tellPresenceSoon()
        return reader
    }

    private func publish(_ publication: RelaySession.Publication) {
        guard let occupant else { return }
        guard publication.room.owner != nil || reader(of: publication.room) != nil else {
            return refuse(.notInRoom, "join \(publication.room) first", publication.room, publication.clientMessageID)
        }
        surroundings.rooms.publish(publication, by: occupant.author, from: self)
    }

    private func join(_ name: RoomName) {
        if let reader = reader(of: name) { return send(.joined(.with { $0.head = reader.room.head })) }
        let most = surroundings.rooms.limits.roomsPerClient
        guard readers.count < most + 2 else { return refuse(.tooManyRooms, "you are in \(most) rooms already", name) }
        guard let reader = enter(name, at: nil) else { return refuse(.tooManyRooms, "there are too many rooms", name) }
        send(.joined(.with { $0.head = reader.room.head }))
        pumpAll()
    }

    private func leave(_ name: RoomName) {
        guard let index = readers.firstIndex(where: { $0.room.name == name }) else {
            return refuse(.notInRoom, "you are not in \(name)", name)
        }
        let reader = readers.remove(at: index)
        reader.connection = nil
        surroundings.rooms.leave(reader)
        send(.left(.with { $0.room = name.description }))
    }

    private func tellWho(_ name: RoomName) {
        guard let reader = reader(of: name) else { return refuse(.notInRoom, "you are not in \(name)", name) }
        send(reader.room.presence.people(in: name))
    }

    private func page(_ request: HistoryRequest) {
        guard reader(of: request.room) != nil else {
            return refuse(.notInRoom, "you are not in \(request.room)", request.room)
        }
        // Held back until the page is there: a client has one under way, however many it asks for.
        waitingForStore += Self.mostWaiting
        surroundings.rooms.page(request) { event in
            self.waitingForStore -= Self.mostWaiting
            self.send(event)
            self.settled()
        }
    }

    private func reader(of name: RoomName) -> RoomReader? {
        readers.first { $0.room.name == name }
    }

    private func refuse(_ reason: WireError.Reason, _ explanation: String, _ room: RoomName, _ id: String = "") {
        let error = WireError.with {
            ($0.reason, $0.explanation) = (reason, explanation)
            ($0.room, $0.clientMessageID) = (room.description, id)
        }
        send(.error(error))
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
        let (left, occupant) = (readers, self.occupant)
        (readers, self.occupant) = ([], nil)
        for reader in left {
            reader.connection = nil
            surroundings.rooms.leave(reader)
        }
        guard let occupant else { return }
        surroundings.sessions.leave(self, occupant.author.account, session: occupant.session)
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

/// What all connections share.
final class Surroundings {
    let rooms: Rooms
    let sessions: Sessions
    let authenticator: Authenticator
    let loginTime: TimeAmount
    let dialectTime: TimeAmount
    /// Whether clients of the lines dialect are told who comes and goes.
    let tellsLinesPresence: Bool

    init(
        rooms: Rooms,
        sessions: Sessions,
        authenticator: Authenticator,
        times: (login: TimeAmount, dialect: TimeAmount),
        tellsLinesPresence: Bool = false
    ) {
        self.rooms = rooms
        self.sessions = sessions
        self.authenticator = authenticator
        (loginTime, dialectTime) = times
        self.tellsLinesPresence = tellsLinesPresence
    }
}

/// Who a connection is of, once it has logged in.
private struct Occupant {
    let author: Author
    let session: String
    let wantsPresence: Bool
}
