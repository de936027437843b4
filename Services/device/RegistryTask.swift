// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOCore

/// Keeps a device registered, and tells the agent who else is.
struct RegistryTask: Sendable {
    let client: SignalingClient
    let registration: Registration
    let poll: TimeAmount
    let inbox: Inbox
    let logger: Logger

    /// Runs until it is cancelled.
    func run() async {
        await withTaskGroup { group in
            group.addTask { await answerLookUps() }
            await keepRegistered()
            group.cancelAll()
        }
    }

    /// Leaves the registry, where it can be asked.
    func leave() async {
        do {
            try await client.deregister(registration.id, within: Self.leavePatience)
        } catch {
            logger.debug("The registry was not told", metadata: ["reason": "\(error)"])
        }
    }

    private static let leavePatience = TimeAmount.milliseconds(700)

    private func keepRegistered() async {
        var membership = Membership(poll: poll, now: .now())
        var tag: String?
        var generator = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            do {
                switch membership.step(at: .now()) {
                case .register:
                    let record = try await client.register(registration)
                    tell(membership.registered(for: record.lifetime, at: .now()))
                    logger.debug("Registered", metadata: ["expires": "\(record.expiresAt)"])
                case .heartbeat:
                    do {
                        try await client.heartbeat(registration.id)
                        tell(membership.stayed(at: .now()))
                    } catch  where error.isNotFound {
                        membership.forgotten()
                    }
                case .list:
                    let list = try await client.devices(unless: tag)
                    tell(membership.listed(at: .now()))
                    guard let list else { continue }
                    tag = list.tag
                    inbox.put(.listed(list.records))
                    // A server that was restarted knows nobody.
                    if !list.records.contains(where: { $0.id == registration.id }) { membership.forgotten() }
                case .wait(let deadline):
                    try? await Task.sleep(for: .nanoseconds((deadline - .now()).nanoseconds))
                }
            } catch  where Task.isCancelled {
                return
            } catch {
                tell(membership.failed("\(error)", at: .now(), using: &generator))
            }
        }
    }

    private func tell(_ changes: [Membership.Change]) {
        for change in changes { inbox.put(.registry(change)) }
    }

    private func answerLookUps() async {
        for await id in inbox.lookUps {
            // A registry that can't be asked lists nobody: the device is refused, and tries again.
            let record = try? await client.device(RecordID(id))
            inbox.put(.lookedUp(id, record))
        }
    }
}

extension DeviceRecord {
    /// How long the record lives after a sign of life, whatever the server's clock says.
    fileprivate var lifetime: TimeAmount {
        let seconds = expiresAt.timeIntervalSince(lastSeen)
        return .milliseconds(Int64(min(max(seconds, 0), 86_400) * 1_000))
    }

    /// What the record says of where a device is; nil for one whose id no key can prove.
    var sighting: Sighting? {
        guard let device = id.device else { return nil }
        // The registry says when it is over: by no longer listing it.
        var sighting = Sighting(id: device, endpoints: contacts, source: .signaling, until: .distantFuture)
        sighting.name = registration.name
        (sighting.isProven, sighting.mayBeDialed) = (verified, verified)
        return sighting
    }
}
