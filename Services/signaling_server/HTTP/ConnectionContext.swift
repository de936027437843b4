// SPDX-License-Identifier: Apache-2.0

package import Hummingbird
package import MeshCore

/// What is known of a request besides the request.
package struct ConnectionContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Where the connection came from.
    package let remote: Endpoint?

    package init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        let address = source.channel.remoteAddress
        remote = address.flatMap { address in
            guard let host = address.ipAddress, let port = address.port.flatMap(UInt16.init(exactly:)) else {
                return nil
            }
            return Endpoint(host: host, port: port)
        }
    }
}
