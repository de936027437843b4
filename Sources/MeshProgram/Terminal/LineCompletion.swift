// SPDX-License-Identifier: Apache-2.0

import CEdit
import Foundation
import Synchronization

// What the tab key does.
extension LineEditor {
    /// Adds to the last word what all that it may become have in common, or shows what there is to choose from.
    func complete(_ line: OpaquePointer) -> UInt8 {
        guard let typed = el_wline(line)?.pointee else { return UInt8(CC_ERROR) }
        let before = UnsafeBufferPointer(start: typed.buffer, count: typed.cursor - typed.buffer)
        let text = String(String.UnicodeScalarView(before.compactMap { Unicode.Scalar(UInt32($0)) }))
        let found = candidates(text)
        guard let first = found.first else { return UInt8(CC_REFRESH_BEEP) }
        let word = text.split(separator: " ", omittingEmptySubsequences: false).last.map(String.init) ?? ""
        let common = found.dropFirst().reduce(first) { String(zip($0, $1).prefix { $0 == $1 }.map(\.0)) }
        if found.count > 1, common.count <= word.count {
            display.withLock { $0.rows.forget() }
            writeToTerminal("\r\n" + found.joined(separator: "  ") + "\r\n")
            return UInt8(CC_REDISPLAY)
        }
        el_deletestr(line, Int32(word.unicodeScalars.count))
        let completed = (found.count == 1 ? common + " " : common).unicodeScalars.map { wchar_t($0.value) } + [0]
        return el_winsertstr(line, completed) == 0 ? UInt8(CC_REFRESH) : UInt8(CC_ERROR)
    }
}
