// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import Logging
import MeshAdmin
import MeshCore
import MeshProgram
import Metrics
import NIOCore
package import NIOSSL
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Serves until the process is told to stop.
func serve(_ configuration: Configuration, logger: Logger) async throws {
    let metrics = PrometheusMetrics()
    MetricsSystem.bootstrap(metrics)
    let registry = try await openRegistry(configuration, logger: logger)
    let files = try certificateFiles(configuration, logger: logger)
    let application = try makeApplication(configuration, registry: registry, tls: files?.configuration, logger: logger)
    let admin = AdminServer(
        port: configuration.adminPort,
        keepingAccessIn: accessDirectory(configuration, logger: logger),
        surface: AdminSurface(
            metrics: metrics,
            isReady: { await registry.isReady },
            routes: operatorRoutes(of: registry)
        ),
        logger: logger
    )
    if configuration.enrollment == .keys, !registry.keys.contains(where: { $0.fault(at: .now) == nil }) {
        logger.notice("Devices need an enrolment key: make one with `signaling_server enroll create`")
    }
    do {
        try await runServices(
            [MemoryReturn(of: .heap), registry, admin] + (files.map { [$0] } ?? []) + [application],
            patience: .milliseconds(1_500),
            logger: logger
        )
    } catch let fault as AdminPortFault {
        throw ProgramFailure(.unavailable, "\(fault)")
    } catch let error as IOError {
        throw failure(of: error, configuration)
    } catch is SocketAddressError.UnknownHost {
        throw ProgramFailure(.unavailable, "can't find an address for \(configuration.host): see --host")
    }
}

/// The application, ready to run.
package func makeApplication(
    _ configuration: Configuration,
    registry: LiveRegistry,
    tls: TLSConfiguration? = nil,
    logger: Logger
) throws -> some ApplicationProtocol {
    var quiet = logger
    // It tells of its own steps at `info`; an operator wants ours.
    quiet.logLevel = max(logger.logLevel, .warning)
    let limits = Limits(configuration.limits)
    let proxies = ProxyChain(trusted: configuration.trustedProxies)
    let http = HTTP1Channel.Configuration(
        additionalChannelHandlers: [
            ConnectionCountHandler(limits: limits, proxies: proxies),
            RequestDeadlineHandler(limit: configuration.requestTime),
        ],
        httpDecoderConfiguration: .init(
            maxHeaderFieldSize: ServerLimits.headerField,
            maxHeaderListSize: ServerLimits.headers,
            maxHeaderFieldCount: ServerLimits.headerCount
        )
    )
    let responder = SignalingResponder(
        streams: EventStreams(registry: registry, bounds: configuration.streams),
        guards: Guards(
            browsers: BrowserGuard(isLoopback: configuration.isLoopback, names: configuration.serverNames),
            limits: limits,
            proxies: proxies
        ),
        logger: logger
    )
    let server = HTTPServerBuilder {
        LoopChannel(HTTP1Channel(responder: $0, configuration: http), idleTime: configuration.idleTime) { channel in
            let remote = Endpoint(remoteOf: channel)
            // What a proxy sends may come from anybody.
            if let remote, proxies.isTrusted(remote) { return nil }
            return ShortcutHandler(responder, remote: remote)
        }
    }
    return Application(
        responder: responder,
        server: try tls.map { try .tls(server, tlsConfiguration: $0) } ?? server,
        configuration: ApplicationConfiguration(
            address: .hostname(configuration.host, port: Int(configuration.port)),
            availableConnectionsDelegate: .maximum(ServerLimits.connections(allowManyOpenFiles()), logger: quiet)
        ),
        onServerRunning: { channel in
            let address = channel.localAddress.flatMap { address in
                address.ipAddress.flatMap { Endpoint(host: $0, port: UInt16(address.port ?? 0)) }
            }
            logger.notice(
                "Listening",
                metadata: [
                    "address": "\(address?.description ?? configuration.host)",
                    "enrollment": "\(configuration.enrollment.rawValue)",
                    "tls": "\(tls == nil ? "no" : "yes")",
                ]
            )
        },
        logger: quiet
    )
}

/// The registry with what its store has kept.
package func openRegistry(_ configuration: Configuration, logger: Logger) async throws -> LiveRegistry {
    do {
        return try await LiveRegistry(
            Registry(enrollment: configuration.enrollment, defaultTTL: configuration.ttl),
            store: try openStore(configuration),
            logger: logger,
            clock: { Moment(instant: .now(), date: .now) }
        )
    } catch let fault as StoreFault {
        let advice = "choose another with --store, or keep nothing with --store memory"
        switch fault.kind {
        case .inUse: throw ProgramFailure(.tryAgain, "\(fault), perhaps another signaling_server: \(advice)")
        case .cannotOpen: throw ProgramFailure(.cannotCreate, "\(fault): \(advice)")
        case .full, .broken:
            throw ProgramFailure(
                .inputOutput,
                "\(fault): restore it from a backup, move it out of the way, or \(advice)"
            )
        }
    }
}

private func certificateFiles(_ configuration: Configuration, logger: Logger) throws -> CertificateFiles? {
    guard let paths = configuration.tls else { return nil }
    do {
        return try CertificateFiles(certificate: paths.certificate, key: paths.key, logger: logger)
    } catch {
        throw ProgramFailure(.configuration, "\(error)")
    }
}

/// Where the operator's commands find their access; a server that keeps nothing can do without.
private func accessDirectory(_ configuration: Configuration, logger: Logger) -> StateDirectory? {
    do {
        return try StateDirectory.chosen(configuration.stateDirectory, program: "signaling_server")
    } catch {
        logger.warning("The operator's commands can't reach this server", metadata: ["reason": "\(error)"])
        return nil
    }
}

private func openStore(_ configuration: Configuration) throws -> any RegistryStore {
    switch configuration.store {
    case .memory: return MemoryStore()
    case .sqlite(let path): return try SQLiteStore(path: path)
    case nil:
        let directory = try StateDirectory.chosen(configuration.stateDirectory, program: "signaling_server")
        return try SQLiteStore(path: directory.file("registry.sqlite"))
    }
}

private func failure(of error: IOError, _ configuration: Configuration) -> ProgramFailure {
    let address = Endpoint(host: configuration.host, port: configuration.port)?.description ?? configuration.host
    let reason = String(cString: strerror(error.errnoCode))
    return switch error.errnoCode {
    case EADDRINUSE:
        ProgramFailure(.unavailable, "can't listen on \(address), it is taken: choose another port with --port")
    case EACCES, EPERM:
        ProgramFailure(.notPermitted, "can't listen on \(address): \(reason): choose another port with --port")
    case EADDRNOTAVAIL:
        ProgramFailure(
            .unavailable,
            "can't listen on \(address): \(reason): choose an address of this machine with --host"
        )
    default: ProgramFailure(.unavailable, "can't listen on \(address): \(reason): see --host and --port")
    }
}

/// The bounds of what a connection may ask of the server, those of the registry apart.
private enum ServerLimits {
    /// As many as there can be files, some for the store and the operator left out.
    ///
    /// Without a file left the server could neither accept nor refuse, nor write to its store.
    static func connections(_ openFiles: Int) -> Int { min(10_000, max(1, openFiles - 64)) }
    /// In bytes, the longest that is signed being well under a thousand.
    static let headerField = 8 * 1_024
    /// In bytes, all together.
    static let headers = 16 * 1_024
    static let headerCount = 64
}
