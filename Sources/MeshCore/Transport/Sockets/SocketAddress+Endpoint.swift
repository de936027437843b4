// SPDX-License-Identifier: Apache-2.0

package import NIOCore

extension SocketAddress {
    /// The address and port as an operator writes them: `127.0.0.1:8081`, `[::1]:8081`; the path of a Unix socket.
    package var endpoint: String {
        guard let ipAddress, let port else { return pathname ?? "?" }
        return ipAddress.contains(":") ? "[\(ipAddress)]:\(port)" : "\(ipAddress):\(port)"
    }
}
