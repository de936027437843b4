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
            "Who may come in: open (anybody), or keys (devices that were given an enrolment key) (default: open on "
                + "loopback, else keys).",
            valueName: "open|keys"
        )
    )
    var enrollment: Enrollment?

    @Option(
        help: ArgumentHelp(
            "A PEM file with the certificate to show, and those behind it; read again when it changes.",
            valueName: "file"
        )
    )
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("A PEM file with the certificate's private key.", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "The proxies whose Forwarded or X-Forwarded-For counts, with commas between (default: none).",
            valueName: "CIDR"
        )
    )
    var trustedProxy: String?

    @Option(
        help: ArgumentHelp(
            "Requests a second from one address, five times as many at once; this machine is not limited (default: 100).",
            valueName: "number"
        )
    )
    var addressRate: Int?

    @Option(
        help: ArgumentHelp(
            "Requests a second of one device, five times as many at once (default: 10).",
            valueName: "number"
        )
    )
    var keyRate: Int?

    @Option(help: ArgumentHelp("Streams that one address may have open (default: 500).", valueName: "number"))
    var addressStreams: Int?

    @Option(
        help: ArgumentHelp(
            "The port on 127.0.0.1 for /metrics, /healthz and /readyz (default: 9080, or a free one if that is taken).",
            valueName: "port"
        )
    )
    var adminPort: UInt16?
}
