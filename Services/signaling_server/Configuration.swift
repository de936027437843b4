// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
package import Logging
package import MeshAdmin
package import MeshCore
import MeshProgram
package import NIOCore

/// The settings of the program, checked.
package struct Configuration: Sendable {
    package var host = "127.0.0.1"
    package var port: UInt16 = 8080
    /// Further names that clients may call this server by, where it listens on loopback.
    package var serverNames: [String] = []
    /// Nil stands for a file in the state directory.
    package var store: StoreSetting?
    package var stateDirectory: String?
    /// The life of a record whose device names none.
    package var ttl = TimeAmount.seconds(60)
    package var enrollment = Enrollment.open
    /// Where the operator's listener is.
    package var adminPort = AdminServer.Port.preferably(9_080)
    /// How streams are kept up.
    package var streams = EventStreamHandler.Bounds()
    /// What one address and one key may ask for.
    package var limits = Limits.Bounds()
    /// Whose word on who asked them counts.
    package var trustedProxies: [AddressRange] = []
    /// PEM files; nil where TLS is not spoken.
    package var tls: (certificate: String, key: String)?
    /// From a request's head to its end.
    package var requestTime = TimeAmount.seconds(10)
    /// Silence between two requests, or before the first, the time for a head included.
    package var idleTime = TimeAmount.seconds(30)
    package var logLevel = Logger.Level.notice

    package init() {}

    /// Whether only this machine can reach the server.
    package var isLoopback: Bool { Endpoint(host: host, port: port)?.isLoopback ?? false }
}

extension Configuration {
    /// Reads the settings; fails with all of their faults.
    init(_ options: ServerOptions, _ common: CommonOptions) async throws {
        self.init()
        var settings = try await Settings(program: "signaling_server", configFile: common.config)
        host = settings.value("host", flag: options.host, default: host)
        port = settings.value("port", flag: options.port, default: port)
        let names = settings.value("server-name", flag: options.serverName) ?? ""
        serverNames = names.split(separator: ",").map(String.init)
        store = settings.value("store", flag: options.store)
        stateDirectory = settings.value("state-dir", flag: common.stateDir)
        logLevel = settings.value("log-level", flag: common.logLevel, default: LogLevel(logLevel)).level
        let byDefault: Enrollment = isLoopback ? .open : .keys
        enrollment = settings.value("enrollment", flag: options.enrollment, default: byDefault)
        ttl = settings.value("ttl", flag: options.ttl, default: TimeSpan(ttl)).amount
        if let port = settings.value("admin-port", flag: options.adminPort) { adminPort = .exactly(port) }
        readLimits(&settings, options)
        readTransport(&settings, options)
        if Endpoint(host: host, port: port) == nil {
            settings.fault("host is '\(host.printable)', which is neither an address nor a name")
        }
        let bounds = RegistrationLimits.ttl
        if ttl < .seconds(Int64(bounds.lowerBound)) || ttl > .seconds(Int64(bounds.upperBound)) {
            settings.fault("ttl is \(TimeSpan(ttl)), but must be from \(bounds.lowerBound)s to \(bounds.upperBound)s")
        }
        try settings.check()
    }
}

extension Configuration {
    private mutating func readLimits(_ settings: inout Settings, _ options: ServerOptions) {
        let address = settings.value("address-rate", flag: options.addressRate, default: 100)
        let key = settings.value("key-rate", flag: options.keyRate, default: 10)
        for (name, value) in [("address-rate", address), ("key-rate", key)] where !(1...1_000_000).contains(value) {
            settings.fault("\(name) is \(value), but must be from 1 to 1000000")
        }
        limits.address = Rate(perSecond: Double(address), burst: Double(address) * 5)
        limits.registrationsOfAddress = Rate(perSecond: Double(address) / 5, burst: Double(address) * 2)
        limits.key = Rate(perSecond: Double(key), burst: Double(key) * 5)
        limits.registrationsOfKey = Rate(perSecond: Double(key) / 10, burst: Double(key))
        limits.streamsOfAddress = settings.value("address-streams", flag: options.addressStreams, default: 500)
        if limits.streamsOfAddress < 1 { settings.fault("address-streams must be at least 1") }
    }

    private mutating func readTransport(_ settings: inout Settings, _ options: ServerOptions) {
        let proxies = settings.value("trusted-proxy", flag: options.trustedProxy) ?? ""
        if let ranges = AddressRange.list(proxies) {
            trustedProxies = ranges
        } else {
            settings.fault(
                "trusted-proxy is '\(proxies.printable)', but must be addresses or ranges such as 10.0.0.0/8"
            )
        }
        let certificate = settings.value("tls-certificate", flag: options.tlsCertificate)
        let key = settings.value("tls-key", flag: options.tlsKey)
        switch (certificate, key) {
        case (let certificate?, let key?): tls = (certificate, key)
        case (nil, nil): break
        case (_?, nil): settings.fault("tls-certificate is given without tls-key: give both")
        case (nil, _?): settings.fault("tls-key is given without tls-certificate: give both")
        }
    }
}

/// Where the records are kept: `sqlite:PATH` or `memory`.
package enum StoreSetting: Equatable, Sendable, ExpressibleByArgument {
    case memory
    case sqlite(path: String)

    package init?(argument: String) {
        if argument == "memory" {
            self = .memory
        } else if argument.hasPrefix("sqlite:"), argument.count > "sqlite:".count {
            self = .sqlite(path: String(argument.dropFirst("sqlite:".count)))
        } else {
            return nil
        }
    }
}

extension Enrollment: ExpressibleByArgument {}
