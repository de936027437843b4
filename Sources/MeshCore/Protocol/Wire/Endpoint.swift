// SPDX-License-Identifier: Apache-2.0

/// A host and a TCP port: `127.0.0.1:9000`, `[::1]:9000`, `relay.example.org:8081`.
package struct Endpoint: Hashable, Sendable {
    /// An IP address or a DNS name, without brackets.
    package let host: String
    package let port: UInt16

    /// Nil where `host` is neither an address nor a name.
    package init?(host: some StringProtocol, port: UInt16) {
        guard Self.isHost(host) else { return nil }
        self.host = String(host)
        self.port = port
    }

    /// Parses the text form; an IPv6 address stands in brackets.
    ///
    /// Nil for anything else.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits) else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        self.init(host: host, port: port)
    }

    /// Whether only this machine can be meant: a loopback address, or `localhost`.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("::ffff:127.")
            || (host.hasPrefix("127.") && host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E })
    }

    private static func isHost(_ text: some StringProtocol) -> Bool {
        (1...253).contains(text.utf8.count) && text.utf8.first != UInt8(ascii: "-")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"),
                    UInt8(ascii: "%"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

extension Endpoint: CustomStringConvertible {
    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
