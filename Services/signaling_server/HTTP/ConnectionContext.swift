// SPDX-License-Identifier: Apache-2.0

package import Hummingbird
package import MeshCore
package import NIOCore

/// What is known of a request besides the request.
package struct ConnectionContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Where the connection came from.
    package let remote: Endpoint?
    /// The connection, which a stream outlives its request on.
    package let channel: any Channel

    package init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
        remote = Endpoint(remoteOf: source.channel)
    }
}

extension Endpoint {
    /// The other end of a connection.
    init?(remoteOf channel: any Channel) {
        guard let address = channel.remoteAddress, let host = address.ipAddress,
            let port = address.port.flatMap(UInt16.init(exactly:))
        else { return nil }
        // Where both kinds of addresses are listened on, the older ones come in the clothes of the newer.
        let prefix = "::ffff:"
        let isMapped = host.hasPrefix(prefix) && host.contains(".")
        self.init(host: isMapped ? String(host.dropFirst(prefix.count)) : host, port: port)
    }
}
