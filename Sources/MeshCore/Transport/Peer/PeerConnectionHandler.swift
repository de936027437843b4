// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOTLS

/// Drives ``PeerConnection`` on a channel, behind TLS.
final class PeerConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private enum Stage {
        /// Waits for TLS.
        case securing
        /// The machine runs, and the other side has not greeted.
        case opened(DeviceID)
        /// The other side greeted.
        case greeted(PeerLink)
        case ended
    }

    private let setup: PeerSetup
    private let role: PeerRole
    private let number: Int
    private let proof: PeerProof
    private var machine: PeerConnection
    private let decoder = FrameDecoder(limit: PeerLimits.frame)
    private var stage = Stage.securing
    private var buffer = ByteBuffer()
    private var awaitsPreamble: Bool
    private var timer: Scheduled<Void>?
    private var fault: SecuringFault?
    private var isInGate: Bool
    private var readIsHeld = false
    /// How much of what came waits for the device to take it, in bytes.
    private var untaken = 0
    /// What came and has not been told.
    private var arrived: (messages: [WirePeerMessage], size: Int) = ([], 0)
    /// Frames that go out together.
    private var outgoing = ByteBuffer()
    private var flushIsDue = false
    let traffic = PeerTraffic()
    private let becomeWeb: (any Channel, DeviceID) throws -> Void
    private var context: ChannelHandlerContext?

    /// `becomeWeb` makes a connection one that speaks HTTP, where the other side wants that.
    init(
        _ role: PeerRole,
        number: Int,
        proof: PeerProof,
        setup: PeerSetup,
        becomeWeb: @escaping (any Channel, DeviceID) throws -> Void
    ) {
        (self.role, self.number, self.proof, self.setup) = (role, number, proof, setup)
        self.becomeWeb = becomeWeb
        machine = PeerConnection(direction: role.direction, greeting: setup.greeting, timing: setup.timing)
        awaitsPreamble = role.direction == .inbound
        isInGate = awaitsPreamble
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        schedule(.now() + setup.timing.greeting)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        over(.lost)
        self.context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let negotiated) = event as? TLSUserEvent { secured(negotiated) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .ended = stage { return }
        let bytes = unwrapInboundIn(data)
        traffic.count(received: bytes.readableBytes)
        arrived.size += bytes.readableBytes
        buffer.append(arrived: bytes)
        readMessages()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        tellArrived()
        context.fireChannelReadComplete()
    }

    /// While the other side takes nothing in, nothing is taken from it: what it asks for can't pile up as answers.
    ///
    /// All texts that may be under way fit below the mark, so two sides that both send don't wait for each other.
    /// Neither is it read from while the device has too much of it to deal with.
    func read(context: ChannelHandlerContext) {
        if mayRead(context) { context.read() } else { readIsHeld = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readOn()
        context.fireChannelWritabilityChanged()
    }

    func taken(_ size: Int) {
        untaken -= size
        readOn()
    }

    func submit(_ messages: [WirePeerMessage]) {
        if let context, !context.channel.isWritable { return handle { $0.stalled() } }
        handle { $0.submitted(messages, at: .now()) }
    }

    private func mayRead(_ context: ChannelHandlerContext) -> Bool {
        context.channel.isWritable && untaken < PeerLimits.untaken
    }

    private func readOn() {
        guard readIsHeld, let context, mayRead(context) else { return }
        readIsHeld = false
        context.read()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What the error says of TLS is for who knows TLS: the stage tells people enough.
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        handle { $0.inputClosed() }
        over(.lost)
        context.fireChannelInactive()
    }

    /// The dialer may stay: it no longer counts as half open.
    func admitted() {
        leaveGate()
        handle { $0.admitted(at: .now()) }
    }

    /// Gives the machine an event and does what it answers.
    func handle(_ event: (inout PeerConnection) -> [PeerConnection.Action]) {
        let actions = event(&machine)
        for action in actions { perform(action) }
    }
}

extension PeerConnectionHandler {
    private func perform(_ action: PeerConnection.Action) {
        switch action {
        case .send(let message):
            let before = outgoing.readableBytes
            outgoing.writePeerFrame(message)
            traffic.count(sent: outgoing.readableBytes - before)
            if outgoing.readableBytes >= Self.longestWrite { writeOutgoing() }
            flushSoon()
        case .greeted(let greeting): greeted(greeting)
        case .deliver(let message): arrived.messages.append(message)
        case .detect(let body): if case .greeted(let link) = stage { setup.detection.received(body, by: link) }
        case .answered(let token, let time):
            traffic.measured(time)
            if let token { setup.report(.answered(token, roundTrip: time)) }
        case .unanswered(let token): setup.report(.unanswered(token))
        case .setTimer(let deadline): schedule(deadline)
        case .close(let end):
            over(end)
            writeOutgoing()
            context?.flush()
            context?.close(promise: nil)
        }
    }

    private func secured(_ negotiated: String?) {
        guard case .securing = stage else { return }
        if negotiated == PeerLimits.webProtocol, role.direction == .inbound { return speakHTTP() }
        // A session that TLS resumes shows no certificate again, so there is no proof: it is refused.
        guard negotiated == PeerLimits.applicationProtocol else { return giveUp(.otherProtocol) }
        guard case .success(let id) = proof.result else { return giveUp(.noProof) }
        if case .dialer(let dial) = role {
            guard id == dial.id else { return giveUp(.otherDevice(id)) }
            guard dial.proved() else { return giveUp(.otherDevice(id)) }
            outgoing.writeString(PeerLimits.preamble)
            flushSoon()
        }
        stage = .opened(id)
        handle { $0.opened(at: .now()) }
        readMessages()
    }

    private func speakHTTP() {
        guard case .success(let id) = proof.result, let context else { return giveUp(.noProof) }
        stage = .ended
        timer?.cancel()
        leaveGate()
        do { try becomeWeb(context.channel, id) } catch { return context.close(promise: nil) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func giveUp(_ fault: SecuringFault) {
        self.fault = self.fault ?? fault
        context?.close(promise: nil)
    }

    private func greeted(_ greeting: PeerGreeting) {
        guard case .opened(let id) = stage, let context else { return }
        let facts = PeerConnectionFacts(number: number, direction: role.direction, instance: greeting.instance)
        let link = PeerLink(
            id: id,
            facts: facts,
            address: role.address,
            handler: self,
            on: context.eventLoop
        )
        stage = .greeted(link)
        setup.report(.greeted(link, greeting))
    }

    private func readMessages() {
        if awaitsPreamble {
            guard isPreamblePossible else { return handle { $0.violated(.noPreamble, at: .now()) } }
            guard buffer.readableBytes >= PeerLimits.preamble.utf8.count else { return }
            buffer.moveReaderIndex(forwardBy: PeerLimits.preamble.utf8.count)
            awaitsPreamble = false
        }
        do {
            let now = NIODeadline.now()
            while let frame = try decoder.next(from: &buffer) {
                let message = try WirePeerMessage(in: frame)
                handle { $0.received(message, at: now) }
                if case .ended = stage { return }
            }
        } catch {
            handle { $0.violated(.malformed(error), at: .now()) }
        }
    }

    /// Tells what has come, all that was read at once together.
    private func tellArrived() {
        let (messages, size) = arrived
        arrived = ([], 0)
        guard !messages.isEmpty else { return }
        if case .greeted(let link) = stage { setup.detection.heard(link.id) }
        untaken += size
        setup.report(.messages(connection: number, messages, size: size))
    }

    /// What is written in one turn of the event loop goes out together.
    private func flushSoon() {
        guard !flushIsDue, let context else { return }
        flushIsDue = true
        context.eventLoop.assumeIsolated().execute { [self] in
            flushIsDue = false
            writeOutgoing()
            self.context?.flush()
        }
    }

    private func writeOutgoing() {
        guard outgoing.readableBytes > 0 else { return }
        context?.write(wrapOutboundOut(outgoing), promise: nil)
        outgoing = ByteBuffer()
    }

    /// A longer buffer would be moved again and again while it grows.
    private static let longestWrite = 64 * 1024

    private var isPreamblePossible: Bool {
        zip(buffer.readableBytesView, PeerLimits.preamble.utf8).allSatisfy { $0 == $1 }
    }

    private func schedule(_ deadline: NIODeadline) {
        timer?.cancel()
        guard let context else { return }
        let shared = deadline.shared(after: .now())
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: shared) { [self] in
            if case .securing = stage { giveUp(.tooSlow) } else { handle { $0.timerFired(at: .now()) } }
        }
    }

    /// Reports the end, once.
    private func over(_ end: PeerEnd) {
        timer?.cancel()
        leaveGate()
        tellArrived()
        switch (stage, role) {
        case (.ended, _): return
        case (.securing, .dialer(let dial)): dial.failed(securingFault.dialFault(at: dial.endpoint))
        case (.opened, .dialer(let dial)): setup.report(.dialFailed(dial.id, .ended(dial.endpoint, end)))
        case (.securing, .acceptor(let address, _)):
            setup.report(.turnedAway(from: address, why: securingFault.description))
        case (.opened, .acceptor(let address, _)): setup.report(.turnedAway(from: address, why: end.description))
        case (.greeted, _): setup.report(.ended(connection: number, end))
        }
        stage = .ended
        buffer.clear()
    }

    private var securingFault: SecuringFault {
        if let fault { return fault }
        if case .failure(let reason) = proof.result { return .unusableCertificate("\(reason)") }
        return .noTLS
    }

    private func leaveGate() {
        guard isInGate, case .acceptor(_, let place) = role else { return }
        isInGate = false
        place.leave()
    }
}
