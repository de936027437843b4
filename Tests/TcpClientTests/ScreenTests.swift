// SPDX-License-Identifier: Apache-2.0

import MeshCore
import MeshProgram
import SwiftProtobuf
import Testing

@testable import tcp_client

@Suite struct ScreenTests {
    @Test func `the lines that failed are counted`() {
        let screen = Screen(format: .text, style: TerminalStyle(isColoured: false), editor: nil)
        screen.show(.failed(line: 1, .publish(.with { $0.text = "\u{1B}" }), because: "it has control characters"))
        screen.refuse(line: 2, because: "it is not UTF-8")
        #expect(screen.failedLines == 2)
    }
}
