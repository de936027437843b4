// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOEmbedded
import NIOHTTP1

/// What the earlier key-value program asks for is understood wherever it may be whole, and is answered with one value.
func fuzzEarlierRequests(_ input: [UInt8]) {
    guard let json = try? JSON(parsing: input), let request = EarlierRequest(json) else { return }
    require(EarlierRequest.mayBeWhole(input), "\(request) would not be read")
    let answers: [EarlierAnswer] =
        switch request {
        case .handshake: [.greeting]
        case .heartbeat: [.heartbeat]
        case .get(let key): [.value(key), .value(nil), .refused(key)]
        case .set(let key, let value): [.stored, .value(value), .refused(key)]
        }
    for answer in answers {
        let again = try? JSON(parsing: Array(answer.json.description.utf8))
        require(again == answer.json, "\(answer) is read as \(String(describing: again))")
    }
}

/// Whatever is said on a device's port, it is taken for the same however the bytes come in; who speaks HTTP or JSON gets
/// one answer at most, a whole one.
func fuzzPort(_ input: [UInt8]) {
    let drip = Drip(input)
    let (whole, dripped) = (PortVisit([drip.whole]), PortVisit(drip.pieces))
    require(whole.dialect == dripped.dialect, "\(whole) in one piece, \(dripped) in many")
    for visit in [whole, dripped] { visit.check() }
    if whole.dialect == .tls { require(whole.passed == dripped.passed, "Bytes were lost") }
}

/// A connection to a device's port.
private final class PortVisit {
    private(set) var dialect: PeerDialect?
    /// What goes to TLS.
    private(set) var passed: [UInt8] = []
    private var requests = 0
    private var answered: [UInt8] = []

    init(_ pieces: [ArraySlice<UInt8>]) {
        let channel = EmbeddedChannel()
        let door = PeerPortHandler(patience: .seconds(1)) { [self] dialect, _, channel in
            self.dialect = dialect
            try enter(channel)
        } giveUp: { _ in
        }
        do {
            try channel.pipeline.syncOperations.addHandler(door)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            for piece in pieces where channel.isActive { try channel.writeInbound(ByteBuffer(bytes: piece)) }
            while let bytes = try channel.readInbound(as: ByteBuffer.self) { passed += bytes.readableBytesView }
        } catch {
            // What is no HTTP closes the connection.
        }
        while let bytes = try? channel.readOutbound(as: ByteBuffer.self) { answered += bytes.readableBytesView }
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    private func enter(_ channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        switch dialect {
        case .json:
            try pipeline.addHandler(
                EarlierPeerHandler { [self] _, answer in
                    requests += 1
                    answer(.stored)
                }
            )
        case .http:
            try pipeline.configureHTTPServerPipeline()
            try pipeline.addHandler(PeerHTTPHandler { false })
        case .tls, nil: break
        }
    }

    func check() {
        require(requests <= 1, "\(requests) requests on one connection")
        if answered.isEmpty { return }
        switch dialect {
        case .json: require((try? JSON(parsing: answered)) != nil, "The answer is no JSON")
        case .http:
            let text = String(decoding: answered, as: UTF8.self)
            require(text.hasPrefix("HTTP/1.") && text.ranges(of: "HTTP/1.").count == 1, "The answer is \(text)")
        case .tls, nil: require(false, "Something was answered to nobody")
        }
    }
}
