// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@testable import device

@Suite struct RegistryContactTests {
    @Test func `people are told once that the registry is away, and once that it is back`() {
        var contact = RegistryContact()
        #expect(contact.succeeded(.membership) == [])
        #expect(contact.failed(.stream(.watch), "refused") == [.away("refused")])
        #expect(contact.failed(.membership, "refused") == [])
        #expect(contact.failed(.stream(.watch), "no route") == [])
        #expect(contact.succeeded(.membership) == [])
        #expect(contact.succeeded(.stream(.watch)) == [.back])
        #expect(contact.succeeded(.stream(.watch)) == [])
    }
}
