// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Logging
import MeshCore
import MeshProgram
import NIOCore

/// How an agent runs.
struct Configuration: Sendable {
    /// Nil where devices are found in other ways alone.
    let signaling: SignalingAddress?
    let discovery: DiscoveryConfiguration
    let allowed: Set<DeviceID>?
    /// Nil where nobody asked for an address: then another port will do.
    let listen: Endpoint?
    let name: String
    let heartbeat: TimeAmount
    /// What lets this device in where the signaling server doesn't know it yet.
    let enrollmentKey: String?
    /// Nil leaves it to the registry.
    let ttl: TimeAmount?
    let acceptsUnlisted: Bool
    let allowsPlaintextPeers: Bool
    let answersJSONOfAll: Bool
    let readsCommands: Bool
    let stateDirectory: String?
    /// The number of the `.env` file, if one was given.
    let node: UInt16?
    let logLevel: Logger.Level

    static let defaultSignaling = "http://127.0.0.1:8080"
    static let defaultListen = "127.0.0.1:9000"

    init(_ options: RunOptions) async throws {
        var settings = try await Settings(program: "device", configFile: options.common.config)
        node = options.node
        let file = try options.node.map { number throws(ProgramFailure) in
            try NodeFile(number: number, environment: ProcessInfo.processInfo.environment)
        }
        discovery = DiscoveryConfiguration(options.discovery, node: file, from: &settings)
        let named = settings.value("signaling", flag: options.signaling)
        signaling = try named ?? (discovery.isUsed ? nil : Self.defaultSignalingAddress())
        listen = Self.listen(options, file, from: &settings)
        name = settings.value("name", flag: options.name) ?? file?.id ?? Self.hostName
        let ids = settings.values("allow", flags: options.allowed).map(\.id)
        allowed = ids.isEmpty ? nil : Set(ids)
        heartbeat = settings.value("heartbeat", flag: options.heartbeat, default: TimeSpan(PeerLimits.heartbeat)).amount
        enrollmentKey = Self.enrollmentKey(options, from: &settings)
        ttl = settings.value("ttl", flag: options.ttl).map(\.amount)
        acceptsUnlisted = settings.value("accept-unlisted", flag: options.acceptUnlisted ? true : nil, default: false)
        allowsPlaintextPeers = settings.value(
            "allow-plaintext-peers",
            flag: options.allowPlaintextPeers ? true : nil,
            default: false
        )
        answersJSONOfAll = settings.value("allow-json", flag: options.allowJson ? true : nil, default: false)
        readsCommands = !settings.value("no-prompt", flag: options.noPrompt ? true : nil, default: false)
        stateDirectory = settings.value("state-dir", flag: options.common.stateDir)
        logLevel = settings.value("log-level", flag: options.common.logLevel, default: LogLevel(.warning)).level
        check(&settings)
        try settings.check()
    }

    /// From a file or the environment: what is in a flag, everybody on the machine can read.
    private static func enrollmentKey(_ options: RunOptions, from settings: inout Settings) -> String? {
        guard let path = settings.value("enrollment-key-file", flag: options.enrollmentKeyFile) else {
            return settings.value("enrollment-key", flag: nil)
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), text.utf8.count <= 1_024 else {
            settings.fault("enrollment-key-file is \(path.printable), which can't be read as a key")
            return nil
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The one setting that `device list` has as well.
    static func chosenSignaling(flag: SignalingAddress?, from settings: inout Settings) throws -> SignalingAddress {
        try settings.value("signaling", flag: flag) ?? defaultSignalingAddress()
    }

    private static func defaultSignalingAddress() throws -> SignalingAddress {
        guard let signaling = SignalingAddress(argument: defaultSignaling) else {
            throw ProgramFailure(.ourFault, "the default address of the signaling server is not valid")
        }
        return signaling
    }

    /// Who looks for devices on the network wants to be reached from there.
    private static func listen(
        _ options: RunOptions,
        _ file: NodeFile?,
        from settings: inout Settings
    ) -> Endpoint? {
        if let listen = settings.value("listen", flag: options.listen) { return listen }
        let port: UInt16? = settings.value("websocket.port", flag: nil)
        if let port = port ?? file?.tcpPort { return Endpoint(host: everywhere, port: port) }
        return nil
    }

    /// Where to listen if nobody asked for an address.
    var usualListen: Endpoint? {
        guard let usual = Endpoint(Self.defaultListen) else { return nil }
        return discovery.isOnNetwork ? Endpoint(host: Self.everywhere, port: usual.port) : usual
    }

    private static let everywhere = "0.0.0.0"

    private func check(_ settings: inout Settings) {
        if (try? name.checkText(limit: PeerLimits.name)) == nil || name.printable != name {
            settings.fault("name must be 1 to \(PeerLimits.name) bytes of printable text")
        }
        if !(TimeAmount.milliseconds(50)...TimeAmount.hours(1)).contains(heartbeat) {
            settings.fault("heartbeat must be from 50ms to 60m")
        }
        let seconds = RegistrationLimits.ttl
        if let ttl,
            !(TimeAmount.seconds(Int64(seconds.lowerBound))...(.seconds(Int64(seconds.upperBound)))).contains(ttl)
        {
            settings.fault("ttl must be from \(seconds.lowerBound)s to \(seconds.upperBound)s")
        }
    }

    /// The machine's name up to its first dot.
    private static var hostName: String {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return "device" }
        let name = String(decoding: bytes.prefix { $0 != 0 && $0 != 0x2E }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return (try? name.checkText(limit: PeerLimits.name)) == nil ? "device" : name.printable
    }
}
