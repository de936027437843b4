// SPDX-License-Identifier: Apache-2.0

import Bench
import COpenSSL
import Glibc

/// Many connections at once that never log in, each by one of the known ways to cost a server something.
///
/// Who is turned away comes back three seconds later.
final class Strangers {
    enum Manner: CaseIterable {
        /// A letter now and then.
        case drip
        /// Asks and asks, and never reads an answer.
        case neverReads
        case endlessLine
        case garbage
        /// The first bytes of TLS, and then nothing.
        case silentAfterHello
    }

    struct Outcome {
        var connected = 0
        var turnedAway = 0
    }

    private let port: UInt16
    private let count: Int
    private let words: [Manner: [UInt8]]
    private let poller = Poller()
    /// Who is connected, by the socket.
    private var manners: [Int32: Manner] = [:]
    /// Who comes back, and when.
    private var absent: [(manner: Manner, due: Int)] = []
    private var firstAbsent = 0
    private var nextDrip = 0
    private var outcome = Outcome()
    private var chunk = [UInt8](repeating: 0, count: 4_096)

    static func start(_ count: Int, port: UInt16) -> Background<Outcome> {
        Background { shared in
            let strangers = try Strangers(count, port: port)
            while shared.goesOn { try strangers.step() }
            return strangers.outcome
        }
    }

    private init(_ count: Int, port: UInt16) throws {
        (self.count, self.port) = (count, port)
        words = [
            .drip: [UInt8(ascii: "x")],
            .neverReads: [UInt8](String(repeating: "{\"ping\":{}}\n", count: 330).utf8),
            .endlessLine: [UInt8](repeating: UInt8(ascii: "x"), count: 262_144),
            .garbage: (0..<2_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) },
            .silentAfterHello: try Self.clientHello(),
        ]
        let manners = Manner.allCases
        absent = (0..<count).map { (manners[$0 % manners.count], 0) }
    }

    deinit {
        for socket in manners.keys { close(socket) }
    }

    private func step() throws {
        for _ in 0..<64 where firstAbsent < absent.count && absent[firstAbsent].due <= monotonicNanoseconds() {
            try connect(absent[firstAbsent].manner)
            firstAbsent += 1
        }
        if firstAbsent > 2 * count {
            absent.removeFirst(firstAbsent)
            firstAbsent = 0
        }
        for event in 0..<poller.wait(nanoseconds: 5_000_000) { read(Int32(poller.tag(event))) }
        drip()
    }

    private func connect(_ manner: Manner) throws {
        let socket = try Socket.begin(port: port, number: outcome.connected)
        guard say(words[manner] ?? [], socket) else {
            // The server has not taken those before yet.
            close(socket)
            return absent.append((manner, monotonicNanoseconds() + 100_000_000))
        }
        manners[socket] = manner
        outcome.connected += 1
        poller.add(socket, tag: Int(socket), manner == .neverReads ? .ending : .reading)
    }

    /// Says as much of it as fits; false if nothing does.
    @discardableResult
    private func say(_ words: [UInt8], _ socket: Int32) -> Bool {
        words.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) } > 0
    }

    private func drip() {
        let now = monotonicNanoseconds()
        guard now >= nextDrip else { return }
        nextDrip = now + 700_000_000
        for (socket, manner) in manners where manner == .drip { say([UInt8(ascii: "x")], socket) }
    }

    private func read(_ socket: Int32) {
        guard let manner = manners[socket] else { return }
        let count = manner == .neverReads ? 0 : recv(socket, &chunk, chunk.count, 0)
        if count > 0 || (count < 0 && errno == EAGAIN) { return }
        outcome.turnedAway += 1
        manners[socket] = nil
        close(socket)
        absent.append((manner, monotonicNanoseconds() + 3_000_000_000))
    }

    /// What a client of TLS says first.
    private static func clientHello() throws -> [UInt8] {
        guard let context = SSL_CTX_new(TLS_client_method()), let tls = SSL_new(context),
            let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem())
        else { throw Failure("OpenSSL has no context") }
        defer {
            SSL_free(tls)
            SSL_CTX_free(context)
        }
        SSL_set_bio(tls, input, output)
        SSL_connect(tls)
        var hello = [UInt8](repeating: 0, count: 4_096)
        let size = BIO_read(output, &hello, Int32(hello.count))
        guard size > 0 else { throw Failure("OpenSSL says nothing") }
        return Array(hello[..<Int(size)])
    }
}
