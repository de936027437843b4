// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import TestSupport
import Testing

@testable import device

@Suite struct NodeFileTests {
    private let values = ["ID": "node1", "TCP_PORT": "9001", "UDP_PORT": "8881", "MASTER": "true"]

    @Test func `a file says what the earlier program's file says`() throws {
        let text = """
            # a comment
            ID=node1
            export TCP_PORT = "9001"
              UDP_PORT='8881'

            MASTER=true
            nonsense
            """
        #expect(NodeFile.values(in: text) == values)
        let file = try NodeFile(values)
        #expect(file.id == "node1" && file.tcpPort == 9_001 && file.udpPort == 8_881 && file.isMaster)
    }

    @Test func `what is missing or wrong is named`() {
        for name in values.keys {
            var less = values
            less[name] = nil
            #expect(throws: NodeFileFault.missing(name)) { try NodeFile(less) }
        }
        for (name, text) in [("ID", "a\u{1B}"), ("TCP_PORT", "70000"), ("UDP_PORT", "x"), ("MASTER", "perhaps")] {
            var wrong = values
            wrong[name] = text
            #expect(throws: NodeFileFault.self) { try NodeFile(wrong) }
        }
    }

    @Test func `a number without a file is a failure that tells what to do`() {
        #expect(throws: ProgramFailure.self) { try NodeFile(number: 60_001, environment: [:]) }
    }
}
