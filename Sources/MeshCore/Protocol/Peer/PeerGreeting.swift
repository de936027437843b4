// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf

/// What a device says of itself on each connection, checked.
///
/// Who it is, TLS has proven.
package struct PeerGreeting: Equatable, Sendable {
    /// For people; neither unique nor proven.
    package let name: String
    package let version: String
    /// Made anew at each start of the agent.
    package let instance: UInt64
    /// At which it takes in connections; 0 for none.
    package var port: UInt16 = 0

    /// Our own greeting.
    package init(name: String, version: String, instance: UInt64) {
        (self.name, self.version, self.instance) = (name, version, instance)
    }

    /// The other side's.
    package init(_ greeting: WireGreeting) throws(PeerViolation) {
        do {
            try greeting.name.checkText(limit: PeerLimits.name)
        } catch {
            throw .invalidName(error)
        }
        guard !greeting.name.contains(where: { "\t\n".contains($0) }) else { throw .invalidName(.controlCharacter) }
        if !greeting.version.isEmpty {
            do { try greeting.version.checkText(limit: PeerLimits.version) } catch { throw .invalidVersion(error) }
        }
        self.init(name: greeting.name, version: greeting.version, instance: greeting.instance)
        // Of no use is as good as none.
        port = UInt16(exactly: greeting.port) ?? 0
    }

    package var wire: WireGreeting {
        .with { ($0.name, $0.version, $0.instance, $0.port) = (name, version, instance, UInt32(port)) }
    }
}
