// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite struct LayoutRulesTests {
    @Test func `each file names its license, keeps its promises and lies in a folder that says something`() throws {
        #expect(try SourceTree.files().flatMap(LayoutRules.violations) == [])
    }

    @Test func `at the top is only what belongs there`() throws {
        #expect(LayoutRules.strangers(atTop: try SourceTree.topLevel()) == [])
    }

    @Test(arguments: [
        ("Sources/MeshCore/Models/Room.swift", license),
        ("Services/device/Net/Helpers/Room.swift", license),
        ("Sources/MeshCore/Room.swift", "import NIOCore\n"),
        ("Sources/MeshCore/Room.swift", ""),
        ("Sources/MeshCore/Room.swift", "\n" + license),
        ("deploy/start.sh", "#!/bin/sh\necho\n"),
        ("deploy/start", "#!/bin/sh\necho\n"),
        ("Sources/CEdit/shim.h", "#include <a.h>\n"),
        ("Sources/MeshCore/Room.swift", license + "// TO" + "DO: later\n"),
        ("deploy/mesh.conf", "# FIX" + "ME\n"),
    ])
    func `a file that breaks a rule is found`(path: String, text: String) {
        #expect(LayoutRules.violations(in: SourceFile(path: path, text: text)).count == 1)
    }

    @Test(arguments: [
        ("Package.swift", "// swift-tools-version: 6.2\n" + license),
        ("deploy/start.sh", "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"),
        ("deploy/mesh.conf", "port = 1\n"),
        ("Sources/MeshCore/ModelsOfRooms/Room.swift", license),
    ])
    func `a file as it should be is let pass`(path: String, text: String) {
        #expect(LayoutRules.violations(in: SourceFile(path: path, text: text)) == [])
    }

    @Test func `a stranger at the top is found`() {
        let names = ["Package.swift", ".build-release", "notes.md", "scripts", "deploy"]
        #expect(LayoutRules.strangers(atTop: names) == ["notes.md", "scripts"])
    }

    private static let license = "// SPDX-License-Identifier: Apache-2.0\n"
}
