// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// A device's stay in a registry, from its side: registers, gives signs of life, and keeps up the streams of what happens
/// and of what others send to it.
///
/// Whoever drives it asks what is due, does that with a ``SignalingRequest`` each, and says how it went. At rest that is a
/// heartbeat for each half of the record's life and nothing else: two requests a minute for a life of a minute. After
/// a failure each of the three waits for itself, longer each time and never as long as others do.
///
/// ```
/// for action in session.due(at: now) {
///     switch action {
///     case .register: …                       // then registered(for:at:), or failed(.membership, …)
///     case .heartbeat: …                      // then stayed(at:), forgotten(at:), or failed(.membership, …)
///     case .follow(.watch, let last): …         // then received(_:on:) for each event, at its end ended(.watch, …)
///     case .follow(.signals, let last): …
///     }
/// }
/// // … and again at session.wake, or when something was said to it.
/// ```
package struct SignalingSession: Sendable {
    package enum Stream: Hashable, Sendable, CaseIterable {
        /// `SignalingRequest.watch(after:)`
        case watch
        /// `SignalingRequest.signals(to:after:)`
        case signals
    }

    package enum Action: Equatable, Sendable {
        case register
        case heartbeat
        /// With the id of the last event that came, to go on behind it.
        case follow(Stream, after: String?)
    }

    /// What an event means for the device.
    package enum News: Equatable, Sendable {
        case changed([PresenceChange])
        case signal(ReceivedSignal)
        /// Signals may have been lost: the server doesn't know where this device was.
        case signalsMissed
    }

    /// The times.
    package struct Timing: Equatable, Sendable {
        package var shortestWait = TimeAmount.milliseconds(500)
        package var longestWait = TimeAmount.seconds(60)

        package init() {}
    }

    private enum Membership: Equatable {
        case none
        case there(life: TimeAmount)
    }

    private enum Line: Equatable {
        /// Something is to be done, at an instant.
        case due(NIODeadline)
        /// It is being done.
        case busy
        /// Not before the device is registered.
        case idle
    }

    /// Who is there, as the stream says.
    package private(set) var devices = WatchedDevices()
    private var lastSignal: String?
    private var membership = Membership.none
    private var line: Line
    private var lines: [Stream: Line]
    private var backoff: Backoff
    private var backoffs: [Stream: Backoff]
    /// The heartbeat under way does not tell of the latest sessions.
    private var owesReport = false
    /// What changes within this time is told of at once.
    private static let reportPause = TimeAmount.seconds(1)

    package init(streams: Set<Stream> = Set(Stream.allCases), timing: Timing = Timing(), now: NIODeadline) {
        let backoff = Backoff(shortest: timing.shortestWait, longest: timing.longestWait)
        self.backoff = backoff
        line = .due(now)
        lines = Dictionary(uniqueKeysWithValues: streams.map { ($0, .idle) })
        backoffs = Dictionary(uniqueKeysWithValues: streams.map { ($0, backoff) })
    }

    /// Whether the registry lists this device, as far as is known.
    package var isRegistered: Bool { membership != .none }

    /// When to ask again what is due; nil where only an answer can change that.
    package var wake: NIODeadline? {
        ([line] + lines.values).compactMap { if case .due(let instant) = $0 { instant } else { nil } }.min()
    }

    /// What is to be done now; it counts as being done until its end is told.
    package mutating func due(at now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        if case .due(let instant) = line, instant <= now {
            line = .busy
            actions.append(membership == .none ? .register : .heartbeat)
        }
        for stream in Stream.allCases {
            guard case .due(let instant)? = lines[stream], instant <= now else { continue }
            lines[stream] = .busy
            actions.append(.follow(stream, after: stream == .watch ? devices.lastEventID : lastSignal))
        }
        return actions
    }

    /// The registry lists this device for so long.
    package mutating func registered(for life: TimeAmount, at now: NIODeadline) {
        membership = .there(life: life)
        stayed(at: now)
        for (stream, line) in lines where line == .idle { lines[stream] = .due(now) }
    }

    /// The heartbeat counted.
    package mutating func stayed(at now: NIODeadline) {
        backoff.succeeded()
        guard case .there(let life) = membership else {
            line = .due(now)
            return
        }
        let wait = TimeAmount.nanoseconds(max(life.nanoseconds / 2, 1_000_000_000))
        line = .due(now + (owesReport ? min(wait, Self.reportPause) : wait))
        owesReport = false
    }

    /// What the next heartbeat tells of the device's sessions is news: it is due soon.
    package mutating func sessionsChanged(at now: NIODeadline) {
        switch line {
        case .due(let instant) where isRegistered && backoff.failures == 0:
            line = .due(min(instant, now + Self.reportPause))
        case .busy: owesReport = true
        // Whenever the next one comes, it tells.
        case .due, .idle: break
        }
    }

    /// The registry lists this device no longer.
    package mutating func forgotten(at now: NIODeadline) {
        membership = .none
        line = .due(now)
    }

    /// Registering or a heartbeat failed; `retryAfter` is what the server said of when to try again.
    package mutating func failed(
        retryAfter: TimeAmount? = nil,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) {
        line = .due(now + max(backoff.failed(using: &generator), retryAfter ?? .zero))
    }

    /// What others can see has changed, such as its addresses: register anew.
    package mutating func reregister(at now: NIODeadline) {
        membership = .none
        if line != .busy { line = .due(now) }
    }

    /// A stream ended, or could not be opened; one that had brought something counts as a first failure.
    package mutating func ended(
        _ stream: Stream,
        retryAfter: TimeAmount? = nil,
        at now: NIODeadline,
        using generator: inout some RandomNumberGenerator
    ) {
        if stream == .watch { devices.interrupted() }
        guard var backoff = backoffs[stream] else { return }
        lines[stream] = .due(now + max(backoff.failed(using: &generator), retryAfter ?? .zero))
        backoffs[stream] = backoff
    }

    /// Takes in an event of a stream.
    package mutating func received(_ event: ServerSentEvent, on stream: Stream) -> News? {
        if event.name != WatchEvent.bye.rawValue { backoffs[stream]?.succeeded() }
        switch stream {
        case .watch:
            let changes = devices.received(event)
            return changes.isEmpty ? nil : .changed(changes)
        case .signals:
            if let id = event.id { lastSignal = id.isEmpty ? nil : id }
            if event.name == WatchEvent.resync.rawValue { return .signalsMissed }
            return ReceivedSignal(event).map(News.signal)
        }
    }
}
