// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport
import Testing

@Suite struct FailureDetectionTests {
    @Test func `a probe is answered where it is read, and who is gone is told of until it is forgotten`() async throws {
        let (alice, bob) = (try TransportDevice(name: "alice"), try TransportDevice(name: "bob"))
        try await withListener(bob) { endpoint in
            alice.transport.dial(bob.id, [endpoint])
            #expect(await eventually { alice.links.count == 1 && bob.links.count == 1 })
            let link = try #require(alice.links.first)
            let heard = link.traffic.received
            alice.transport.detection.connected(link)
            #expect(await eventually { alice.lives == [.alive] })
            // Bob was told of nobody to probe: what comes is answers.
            #expect(await eventually { link.traffic.received > heard })
            #expect(bob.lives.isEmpty)
            link.close(.leaving)
            alice.transport.detection.disconnected(bob.id)
            #expect(await eventually { alice.lives == [.alive, .suspect, .dead] })
            alice.transport.detection.departed(bob.id)
            #expect(await eventually { alice.lives == [.alive, .suspect, .dead, nil] })
        }
    }
}
