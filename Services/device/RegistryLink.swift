// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOCore

/// Keeps a device registered, and tells the agent who else is: performs what a ``SignalingSession`` says is due.
actor RegistryLink {
    nonisolated let client: SignalingClient
    private let registration: Registration
    private let enrollmentKey: String?
    private let inbox: Inbox
    private let logger: Logger
    private let loop: any EventLoop
    private var session: SignalingSession
    private var contact = RegistryContact()
    private var generator = SystemRandomNumberGenerator()
    private var timer: Scheduled<Void>?
    /// When the agent may be told of the list again; nil where it knows all of it.
    private var tellingDue: NIODeadline?
    private var told = NIODeadline.distantPast
    /// Bounded by their sources: of each errand there is one at a time, and one timer.
    private let cues: AsyncStream<Cue>
    private let cueSink: AsyncStream<Cue>.Continuation

    private enum Cue {
        case errand(SignalingSession.Action)
        case timerFired
    }

    /// `enrollmentKey` lets the device in where it is not enrolled yet.
    init(
        client: SignalingClient,
        registration: Registration,
        enrollmentKey: String?,
        inbox: Inbox,
        loop: any EventLoop,
        logger: Logger
    ) {
        (self.client, self.registration, self.enrollmentKey) = (client, registration, enrollmentKey)
        (self.inbox, self.loop, self.logger) = (inbox, loop, logger)
        session = SignalingSession(streams: [.watch], now: .now())
        (cues, cueSink) = AsyncStream.makeStream()
    }

    /// Runs until it is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.answerLookUps() }
            group.addTask { await self.reportSessions() }
            settle()
            for await cue in cues {
                switch cue {
                case .errand(let errand): group.addTask { await self.perform(errand) }
                case .timerFired: settle()
                }
            }
            group.cancelAll()
        }
        timer?.cancel()
    }

    /// Leaves the registry, where it can be asked.
    func leave() async {
        do {
            try await client.deregister(registration.id, within: Self.leavePatience)
        } catch {
            logger.debug("The registry was not told", metadata: ["reason": "\(error)"])
        }
    }

    private static let leavePatience = TimeAmount.milliseconds(700)
    /// However much happens, the agent is told of the list this often at most.
    private static let tellingPause = TimeAmount.milliseconds(50)
}

extension RegistryLink {
    private func perform(_ errand: SignalingSession.Action) async {
        do {
            switch errand {
            case .register:
                let record = try await client.register(registration, enrollmentKey: enrollmentKey)
                session.registered(for: record.lifetime, at: .now())
                logger.debug("Registered", metadata: ["expires": "\(record.expiresAt)"])
                tell(contact.succeeded(.membership))
            case .heartbeat:
                try await client.heartbeat(registration.id, sessions: inbox.sessions.report)
                session.stayed(at: .now())
                tell(contact.succeeded(.membership))
            case .follow(let stream, let last): try await follow(stream, after: last)
            }
        } catch  where Task.isCancelled {
            return
        } catch {
            failed(errand, SignalingFailure(error))
        }
        settle()
    }

    /// Reads a stream to its end, which is none of its faults.
    private func follow(_ stream: SignalingSession.Stream, after last: String?) async throws {
        let request: SignalingRequest =
            switch stream {
            case .watch: .watch(after: last)
            case .signals: .signals(to: registration.id, after: last)
            }
        let fault = try await client.follow(request) { await self.received($0, on: stream) }
        if let fault { logger.debug("A stream of the registry broke off", metadata: ["reason": "\(fault)"]) }
        session.ended(stream, at: .now(), using: &generator)
    }

    private func received(_ events: [ServerSentEvent], on stream: SignalingSession.Stream) {
        tell(contact.succeeded(.stream(stream)))
        let wasComplete = session.devices.isComplete
        var hasNews = false
        for event in events {
            switch session.received(event, on: stream) {
            case .changed: hasNews = true
            case .signal, .signalsMissed, nil: break
            }
        }
        if hasNews || session.devices.isComplete != wasComplete {
            tellingDue = tellingDue ?? max(.now(), told + Self.tellingPause)
            settle()
        }
    }

    private func failed(_ errand: SignalingSession.Action, _ failure: SignalingFailure) {
        let now = NIODeadline.now()
        logger.debug("The registry refused", metadata: ["errand": "\(errand)", "reason": "\(failure)"])
        switch errand {
        // It forgot the device, or never let it in.
        case .heartbeat where failure.isNotFound || failure.isNotEnrolled: session.forgotten(at: now)
        case .register, .heartbeat:
            tell(contact.failed(.membership, "\(failure)"))
            session.failed(retryAfter: failure.retryAfter, at: now, using: &generator)
        case .follow(let stream, _):
            tell(contact.failed(.stream(stream), "\(failure)"))
            session.ended(stream, retryAfter: failure.retryAfter, at: now, using: &generator)
        }
    }

    /// Does what is due, and sees to it that this is called again.
    private func settle() {
        let now = NIODeadline.now()
        if let due = tellingDue, due <= now {
            (tellingDue, told) = (nil, now)
            inbox.put(.listed(session.devices.records.values.sorted { $0.id < $1.id }))
        }
        for errand in session.due(at: now) { cueSink.yield(.errand(errand)) }
        timer?.cancel()
        let sink = cueSink
        timer = [session.wake, tellingDue].compactMap(\.self).min().map { wake in
            loop.scheduleTask(deadline: wake) { _ = sink.yield(.timerFired) }
        }
    }

    private func tell(_ changes: [RegistryContact.Change]) {
        for change in changes { inbox.put(.registry(change)) }
    }

    private func answerLookUps() async {
        for await id in inbox.lookUps {
            // A registry that can't be asked lists nobody: the device is refused, and tries again.
            let record = try? await client.device(RecordID(id))
            inbox.put(.lookedUp(id, record))
        }
    }

    /// Others are to see with whom this device has sessions, soon after that changes.
    private func reportSessions() async {
        for await _ in inbox.sessions.changes {
            session.sessionsChanged(at: .now())
            settle()
        }
    }
}

extension DeviceRecord {
    /// How long the record lives after a sign of life, whatever the server's clock says.
    fileprivate var lifetime: TimeAmount {
        let seconds = expiresAt.timeIntervalSince(lastSeen)
        return .milliseconds(Int64(min(max(seconds, 0), 86_400) * 1_000))
    }

    /// What the record says of where a device is; nil for one whose id no key can prove.
    var sighting: Sighting? {
        guard let device = id.device else { return nil }
        // The registry says when it is over: by no longer listing it.
        var sighting = Sighting(id: device, endpoints: contacts, source: .signaling, until: .distantFuture)
        sighting.name = registration.name
        (sighting.isProven, sighting.mayBeDialed) = (verified, verified)
        return sighting
    }
}
