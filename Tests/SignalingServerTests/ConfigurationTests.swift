// SPDX-License-Identifier: Apache-2.0

import Testing
import signaling_server

@Suite struct ConfigurationTests {
    @Test func `a store is named by its kind and place`() {
        #expect(StoreSetting(argument: "memory") == .memory)
        #expect(StoreSetting(argument: "sqlite:a:b") == .sqlite(path: "a:b"))
        for text in ["", "sqlite", "sqlite:", "Memory", "postgres:x"] {
            #expect(StoreSetting(argument: text) == nil)
        }
    }

    @Test(arguments: [("127.0.0.1", true), ("::1", true), ("localhost", true), ("0.0.0.0", false), ("::", false)])
    func `loopback is where only this machine gets at`(host: String, isLoopback: Bool) {
        var configuration = Configuration()
        configuration.host = host
        #expect(configuration.isLoopback == isLoopback)
    }
}
