// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import tcp_server

@Suite struct RelayPlaceTests {
    @Test(arguments: [(20_000, 10_000), (10_064, 10_000), (1_024, 960), (64, 1), (0, 1), (Int.max, 10_000)])
    func `there are no more connections than files that may be open`(openFiles: Int, connections: Int) {
        var place = Relay.Place(host: "127.0.0.1", port: 0)
        place.fit(openFiles: openFiles)
        #expect(place.maximumConnections == connections)
    }
}
