// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// A small message from one device to another, by way of the signaling server, which proves the sender.
///
/// ```
/// {"from": "3f8f5dc6-…", "sent": "2026-11-21T09:31:15.529Z", "signal": {"candidate": "192.0.2.7:9000"}}
/// ```
package struct ReceivedSignal: Equatable, Sendable {
    /// The name of its event.
    package static let name = "signal"
    /// The longest content, in bytes of JSON.
    package static let largest = 4 * 1_024

    package let sender: DeviceID
    /// By the server's clock.
    package let sent: Date
    package let content: JSON

    package init(sender: DeviceID, sent: Date, content: JSON) {
        (self.sender, self.sent, self.content) = (sender, sent, content)
    }

    /// The signal that an event is; nil for another event.
    package init?(_ event: ServerSentEvent) {
        guard event.name == Self.name, case .object(let members)? = try? JSON(parsing: event.data.utf8),
            let sender = members["from"]?.string.flatMap({ DeviceID($0) }), let sent = members["sent"]?.date,
            let content = members["signal"]
        else { return nil }
        self.init(sender: sender, sent: sent, content: content)
    }

    package var event: ServerSentEvent {
        let members: [String: JSON] = [
            "from": .string(sender.description), "sent": .date(sent), "signal": content,
        ]
        return ServerSentEvent(name: Self.name, data: JSON.object(members).description)
    }
}
