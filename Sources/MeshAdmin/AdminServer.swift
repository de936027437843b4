// SPDX-License-Identifier: Apache-2.0

import Hummingbird
package import Logging
package import MeshCore
import NIOCore
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The listener of a program's operator, on loopback: `/healthz`, `/readyz`, `/metrics` for whoever is on this machine,
/// and routes of the program's own for whoever can read the file of its ``AdminAccess``.
package struct AdminServer: Service {
    /// Where to listen.
    package enum Port: Equatable, Sendable {
        /// There, or the program ends; 0 takes a free one.
        case exactly(UInt16)
        /// There, or at a free one where that is taken.
        case preferably(UInt16)

        var number: UInt16 {
            switch self {
            case .exactly(let number), .preferably(let number): number
            }
        }
    }

    private let port: Port
    private let directory: StateDirectory?
    private let responder: Responder
    private let logger: Logger

    /// What it says is taken from `metrics`, and `isReady` for `/readyz`.
    ///
    /// The access is kept in `directory`; without one nobody can use `routes`.
    package init(
        port: Port,
        keepingAccessIn directory: StateDirectory?,
        surface: AdminSurface,
        logger: Logger
    ) {
        (self.port, self.directory, self.logger) = (port, directory, logger)
        responder = Responder(surface: surface, logger: logger)
    }

    /// Serves until it is told to stop.
    package func run() async throws {
        do {
            try await serve(at: port.number)
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            guard case .preferably(let number) = port else { throw AdminPortFault(port: port.number, error) }
            logger.notice("The admin port is taken: taking a free one", metadata: ["port": "\(number)"])
            try await serve(at: 0)
        } catch let error as IOError {
            throw AdminPortFault(port: port.number, error)
        }
    }

    private func serve(at port: UInt16) async throws {
        var quiet = logger
        // It tells of its own steps at `info`; an operator wants ours.
        quiet.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            responder: responder,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [RequestDeadlineHandler(limit: .seconds(10))],
                    idleTimeout: .seconds(60),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 8 * 1_024,
                        maxHeaderListSize: 16 * 1_024,
                        maxHeaderFieldCount: 64
                    )
                )
            ),
            configuration: ApplicationConfiguration(
                address: .hostname("127.0.0.1", port: Int(port)),
                availableConnectionsDelegate: .maximum(64, logger: quiet)
            ),
            onServerRunning: { channel in opened(channel.localAddress) },
            logger: quiet
        )
        try await application.run()
    }

    /// Lets in who can read the state directory, from now on.
    private func opened(_ address: SocketAddress?) {
        let port = address?.port.flatMap(UInt16.init(exactly:)) ?? 0
        guard let endpoint = Endpoint(host: "127.0.0.1", port: port) else { return }
        logger.info("The operator's listener is open", metadata: ["admin": "\(endpoint)"])
        guard let directory else { return }
        let access = AdminAccess(endpoint: endpoint)
        do {
            try access.keep(in: directory)
            responder.admit(access)
        } catch {
            logger.warning("The operator's commands can't reach this program", metadata: ["reason": "\(error)"])
        }
    }
}

/// What an operator can see of a program, and tell it.
package struct AdminSurface: Sendable {
    let metrics: PrometheusMetrics
    let isReady: @Sendable () async -> Bool
    let routes: [AdminRoute]

    package init(
        metrics: PrometheusMetrics,
        isReady: @Sendable @escaping () async -> Bool = { true },
        routes: [AdminRoute] = []
    ) {
        (self.metrics, self.isReady, self.routes) = (metrics, isReady, routes)
    }
}

/// The operator's listener could not be opened.
package struct AdminPortFault: Error, CustomStringConvertible {
    package let description: String

    init(port: UInt16, _ error: IOError) {
        let reason = error.errnoCode == EADDRINUSE ? "it is taken" : String(cString: strerror(error.errnoCode))
        description = "can't listen on 127.0.0.1:\(port) for the operator: \(reason): choose another with --admin-port"
    }
}
