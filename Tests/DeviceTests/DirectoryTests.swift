// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@testable import device

@Suite struct DirectoryTests {
    private let kitchen: Directory.Entry
    private let garden: Directory.Entry
    private let namesake: Directory.Entry
    private let directory: Directory

    init() throws {
        kitchen = .init(id: try #require(DeviceID("1a2b3c4d-0000-8000-8000-000000000000")), name: "kitchen")
        garden = .init(id: try #require(DeviceID("1a2bffff-0000-8000-8000-000000000000")), name: "garden")
        namesake = .init(id: try #require(DeviceID("77777777-0000-8000-8000-000000000000")), name: "garden")
        directory = Directory(entries: [kitchen, garden, namesake])
    }

    @Test func `a device is found by its name, its id, and the id's first digits`() {
        #expect(directory.find("kitchen") == .devices([kitchen]))
        #expect(directory.find("1A2B3C4D") == .devices([kitchen]))
        #expect(directory.find(kitchen.id.description) == .devices([kitchen]))
        #expect(directory.find("1a2b3") == .devices([kitchen]))
        #expect(directory.find("all") == .devices([kitchen, garden, namesake]))
    }

    @Test func `what means several or nobody is told apart`() {
        #expect(directory.find("garden") == .several([garden, namesake]))
        #expect(directory.find("1a2b") == .several([kitchen, garden]))
        #expect(directory.find("1a2") == .nobody)
        #expect(directory.find("Kitchen") == .nobody)
        #expect(Directory(entries: []).find("all") == .nobody)
    }
}
