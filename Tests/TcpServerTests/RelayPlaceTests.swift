// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import tcp_server

@Suite struct RelayPlaceTests {
    @Test(arguments: [
        (20_000, 10_000, 4_096), (11_064, 10_000, 1_000), (10_128, 10_000, 64), (1_024, 896, 64), (64, 1, 64),
        (0, 1, 64), (Int.max, 10_000, 4_096),
    ])
    func `there are no more connections than files that may be open`(
        openFiles: Int,
        connections: Int,
        newcomers: Int
    ) {
        var place = Relay.Place(host: "127.0.0.1", port: 0)
        place.fit(openFiles: openFiles)
        #expect(place.maximumConnections == connections)
        #expect(place.newcomers == newcomers)
    }
}
