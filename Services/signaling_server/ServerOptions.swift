// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshCore
import MeshProgram

/// The options of this program alone.
struct ServerOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The address to listen on (default: 127.0.0.1).", valueName: "address"))
    var host: String?

    @Option(help: ArgumentHelp("The port to listen on; 0 for any that is free (default: 8080).", valueName: "port"))
    var port: UInt16?

    @Option(
        help: ArgumentHelp(
            "Names, with commas between, that clients may call a server on loopback by, besides localhost.",
            valueName: "names"
        )
    )
    var serverName: String?

    @Option(
        help: ArgumentHelp(
            "Where the devices are kept: sqlite:PATH, or memory (default: registry.sqlite in the state directory).",
            valueName: "store"
        )
    )
    var store: StoreSetting?

    @Option(
        help: ArgumentHelp(
            "How long a device stays without a sign of life, unless it says so itself (default: 60s).",
            valueName: "time"
        )
    )
    var ttl: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Who may register without signing: open (anybody) or closed (nobody) (default: open on loopback).",
            valueName: "open|closed"
        )
    )
    var enrollment: Enrollment?

    @Option(
        help: ArgumentHelp(
            "The port on 127.0.0.1 for /metrics, /healthz and /readyz (default: 9080, or a free one if that is taken).",
            valueName: "port"
        )
    )
    var adminPort: UInt16?
}
