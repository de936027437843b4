// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import MeshCore
import MeshProgram
import NIOCore
import NIOPosix
import NIOSSL

/// One run of the client: asks who it is, connects, and passes lines both ways until it is over.
struct Chat {
    private let configuration: Configuration
    private let isInteractive: Bool
    private let editor: LineEditor?
    private let screen: Screen
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(_ configuration: Configuration) throws {
        self.configuration = configuration
        isInteractive = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && configuration.format == .text
        editor = isInteractive ? try LineEditor(prompt: "> ") : nil
        screen = Screen(format: configuration.format, style: .standardOutput, editor: editor)
    }

    func run() async throws {
        defer { editor?.close() }
        let login = try Login(configuration, isInteractive: isInteractive)
        let dialer = try dialer()
        try await probe(dialer)
        let loop = group.next()
        let finished = loop.makePromise(of: RelayClient.Outcome.self)
        let (screen, editor, room) = (screen, editor, configuration.room)
        let reading = configuration.takesCommands ? Input.Reading.commands : .texts
        let (welcomed, welcome) = AsyncStream.makeStream(of: Void.self)
        let surroundings = RelayLink.Surroundings(
            show: { line in
                screen.show(line)
                if case .welcome = line { welcome.yield() }
            },
            askForCredentials: { await login.ask() }
        )
        var policy = RelayClient.Policy(patience: configuration.patience, passwords: login.attempts)
        policy.wantsPresence = configuration.wantsPresence ?? isInteractive
        let machine = RelayClient(session: String(UInt64.random(in: .min ... .max), radix: 16), policy: policy)
        let link = try await loop.submit {
            let link = RelayLink(
                machine: machine,
                dialer: dialer,
                surroundings: surroundings,
                finished: finished,
                loop: loop
            )
            link.start()
            // Line 0: nobody typed it.
            if room != .lobby { _ = link.submit(.join(room), line: 0) }
            return NIOLoopBound(link, eventLoop: loop)
        }.get()
        // Ends when the conversation does, at the latest with this function.
        let typing = Task {
            // Before the login is done the keyboard belongs to the questions for name and password.
            for await _ in welcomed.prefix(1) {
                let input = Input(link: link, loop: loop, screen: screen)
                if let editor { await input.type(into: editor) } else { input.pipeStandardInput(reading: reading) }
            }
        }
        defer { typing.cancel() }
        let signals = interrupting(link, on: loop)
        let outcome = try await finished.futureResult.get()
        for source in signals { source.cancel() }
        editor?.close()
        try report(outcome)
    }

    private func dialer() throws -> RelayDialer {
        guard configuration.speaksTLS else { return RelayDialer(relay: configuration.relay, trust: nil) }
        var tls = TLSConfiguration.makeClientConfiguration()
        // Who the relay is, its key says, which is compared with the one that it had before.
        tls.certificateVerification = .noHostnameVerification
        tls.minimumTLSVersion = .tlsv12
        let relay = configuration.relay
        return RelayDialer(
            relay: relay,
            trust: .init(
                tls: try NIOSSLContext(configuration: tls),
                known: KnownRelays(in: configuration.state),
                metNew: { complain("tcp_client: first meeting with \(relay), whose key is \($0): remembered") }
            )
        )
    }

    /// Meets the relay before a password is asked for: whether it is there, and is the one that it was.
    private func probe(_ dialer: RelayDialer) async throws {
        let loop = group.next()
        do {
            let channel = try await loop.flatSubmit {
                dialer.dial(RelayEventHandler(received: { _ in }, closed: { _ in }), on: loop)
            }.get()
            try? await channel.close()
        } catch let error as UntrustedRelay {
            throw ProgramFailure(.protocol, "\(error)")
        } catch {
            throw ProgramFailure(
                .unavailable,
                "no relay at \(configuration.relay): \(dialer.explanation(of: error)). Is tcp_server running there?"
            )
        }
    }

    /// SIGINT and SIGTERM leave at once, and in order.
    private func interrupting(_ link: NIOLoopBound<RelayLink>, on loop: any EventLoop) -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM, SIGHUP].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { loop.execute { link.value.interrupted() } }
            source.resume()
            return source
        }
    }

    private func report(_ outcome: RelayClient.Outcome) throws {
        switch outcome {
        case .left:
            if isInteractive { print("Exiting...") }
            let failed = screen.failedLines
            if failed > 0, !isInteractive {
                throw ProgramFailure(.badInput, failed == 1 ? "1 line was refused" : "\(failed) lines were refused")
            }
        case .unreachable(let reason):
            throw ProgramFailure(.unavailable, "no relay at \(configuration.relay): \(reason)")
        case .refused(let reason, let unaccepted):
            throw ProgramFailure(.notPermitted, "\(reason)\(loss(unaccepted))")
        case .lost(let reason, let unaccepted):
            throw ProgramFailure(.unavailable, "left: \(reason)\(loss(unaccepted))")
        case .distrusted(let reason, let unaccepted):
            throw ProgramFailure(.protocol, "\(reason)\(loss(unaccepted))")
        }
    }

    private func loss(_ unaccepted: Int) -> String {
        unaccepted == 0 ? "" : "; \(unaccepted) messages were not accepted"
    }
}
