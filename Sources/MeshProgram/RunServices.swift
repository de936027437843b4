// SPDX-License-Identifier: Apache-2.0

package import Logging
package import ServiceLifecycle
import UnixSignals

/// Runs `services` until one ends or the process is told to stop (SIGTERM, SIGINT): then they shut down in reverse order,
/// within `patience`.
package func runServices(_ services: [any Service], patience: Duration, logger: Logger) async throws {
    var quiet = logger
    // The group tells of each of its steps at `info`; an operator wants ours.
    quiet.logLevel = max(logger.logLevel, .warning)
    var configuration = ServiceGroupConfiguration(
        services: services.map {
            .init(
                service: $0,
                successTerminationBehavior: .gracefullyShutdownGroup,
                failureTerminationBehavior: .gracefullyShutdownGroup
            )
        },
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: quiet
    )
    configuration.maximumGracefulShutdownDuration = patience
    try await ServiceGroup(configuration: configuration).run()
}
