// SPDX-License-Identifier: Apache-2.0

import MeshCore
import TestSupport
import Testing
import signaling_server

@Suite struct EventFeedTests {
    @Test func `who waits for more is woken by the next event, at once where there is more, and listens no longer`()
        async
    {
        let feed = EventFeed(EventLog(run: "r", bounds: EventLog.Bounds(events: 10, bytes: 10_000)), pause: nil)
        async let waited: Void = feed.grows(beyond: 0)
        #expect(await eventually { feed.isHeard })
        feed.append(ServerSentEvent(name: "present", data: "{}"))
        await waited
        await feed.grows(beyond: 0)
        #expect(!feed.isHeard)
    }

    @Test func `who is cancelled waits no longer`() async {
        let feed = EventFeed(EventLog(run: "r", bounds: EventLog.Bounds(events: 10, bytes: 10_000)), pause: nil)
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await feed.grows(beyond: 0) }
            #expect(await eventually { feed.isHeard })
            tasks.cancelAll()
        }
        #expect(!feed.isHeard)
    }
}
