// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOPosix
import SwiftProtobuf

/// Drives a ``RelayClient`` on an event loop: performs what the machine says, and tells it what happens.
final class RelayLink {
    /// What the machine needs a person or a script for.
    struct Surroundings: Sendable {
        var show: @Sendable (RelayClient.Line) -> Void
        /// The name and the password, or nil if there are none to be had.
        var askForCredentials: @Sendable () async -> (user: String, password: String)?
    }

    private let loop: any EventLoop
    private let dialer: RelayDialer
    private let surroundings: Surroundings
    private let finished: EventLoopPromise<RelayClient.Outcome>
    private var machine: RelayClient
    private var generator = SystemRandomNumberGenerator()
    /// The connection that counts, and its number: what an earlier one still says is not heard.
    private var channel: (any Channel)?
    private var attempt = 0
    private var timer: Scheduled<Void>?
    private var waitingForPlace: [EventLoopPromise<Void>] = []

    /// `finished` is told how it ended.
    init(
        machine: RelayClient,
        dialer: RelayDialer,
        surroundings: Surroundings,
        finished: EventLoopPromise<RelayClient.Outcome>,
        loop: any EventLoop
    ) {
        self.machine = machine
        self.dialer = dialer
        self.surroundings = surroundings
        self.finished = finished
        self.loop = loop
    }

    var unaccepted: Int { machine.unaccepted }

    func start() { perform(machine.started()) }

    /// Does what the line of this number says.
    ///
    /// The future is there when another may be handed over.
    func submit(_ command: RelayClient.Command, line: Int) -> EventLoopFuture<Void> {
        perform(machine.typed(command, line: line))
        if machine.takesLines { return loop.makeSucceededVoidFuture() }
        let place = loop.makePromise(of: Void.self)
        waitingForPlace.append(place)
        return place.futureResult
    }

    func inputEnded() { perform(machine.inputEnded()) }

    func interrupted() { perform(machine.interrupted()) }

    private func perform(_ actions: [RelayClient.Action]) {
        for action in actions {
            switch action {
            case .connect: connect()
            case .send(let request): send(request)
            case .disconnect: disconnect()
            case .show(let line): surroundings.show(line)
            case .askForCredentials: ask()
            case .setTimer(let deadline): setTimer(deadline)
            case .finish(let outcome): finish(outcome)
            }
        }
        // One flush for all that was sent.
        channel?.flush()
        if machine.takesLines, !waitingForPlace.isEmpty {
            let places = waitingForPlace
            waitingForPlace = []
            for place in places { place.succeed() }
        }
    }

    private func connect() {
        attempt += 1
        let number = attempt
        let handler = RelayEventHandler(
            received: { [weak self] in self?.received($0, from: number) },
            closed: { [weak self] in self?.closed(number, because: $0) }
        )
        dialer.dial(handler, on: loop).assumeIsolated().whenComplete { result in
            guard number == self.attempt else { return (try? result.get())?.close(promise: nil) ?? () }
            switch result {
            case .success(let channel):
                self.channel = channel
                channel.write(ByteBuffer(string: Dialect.binaryPreamble), promise: nil)
                self.perform(self.machine.connected(at: .now()))
            case .failure(let error as UntrustedRelay):
                self.attempt += 1
                self.perform(self.machine.distrusted(because: error.description))
            case .failure(let error):
                self.closed(number, because: self.dialer.explanation(of: error))
            }
        }
    }

    private func send(_ request: RelayRequest) {
        guard let channel else { return }
        var buffer = ByteBuffer()
        buffer.writeFrame(WireRelayRequest.with { $0.request = request })
        channel.write(buffer, promise: nil)
    }

    private func disconnect() {
        attempt += 1
        timer?.cancel()
        guard let channel else { return }
        self.channel = nil
        // The last words go before.
        channel.flush()
        channel.close(promise: nil)
    }

    private func ask() {
        // Ends with the answer; if the program ends before, nobody waits for it.
        let answer = loop.makeFutureWithTask { [surroundings] in await surroundings.askForCredentials() }
        answer.assumeIsolated().whenSuccess { credentials in
            guard let credentials else { return self.perform(self.machine.interrupted()) }
            self.perform(
                self.machine.answered(user: credentials.user, password: credentials.password, at: .now())
            )
        }
    }

    private func setTimer(_ deadline: NIODeadline) {
        timer?.cancel()
        timer = loop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.perform(self.machine.timerFired(at: .now(), using: &self.generator))
        }
    }

    private func finish(_ outcome: RelayClient.Outcome) {
        timer?.cancel()
        for place in waitingForPlace { place.succeed() }
        waitingForPlace = []
        finished.succeed(outcome)
    }

    private func received(_ event: RelayEvent, from number: Int) {
        guard number == attempt else { return }
        perform(machine.received(event, at: .now(), using: &generator))
    }

    private func closed(_ number: Int, because reason: String) {
        guard number == attempt else { return }
        attempt += 1
        channel = nil
        perform(machine.disconnected(because: reason, at: .now(), using: &generator))
    }
}
