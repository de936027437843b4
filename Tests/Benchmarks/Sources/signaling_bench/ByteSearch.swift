// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where a mark begins, whose first byte is rare.
func place(of mark: StaticString, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    let length = mark.utf8CodeUnitCount
    var position = start
    while position + length <= bytes.count,
        let found = memchr(base + position, Int32(mark.utf8Start.pointee), bytes.count - position)
    {
        position = UnsafeRawPointer(found) - base
        guard position + length <= bytes.count else { return nil }
        if memcmp(base + position, mark.utf8Start, length) == 0 { return position }
        position += 1
    }
    return nil
}
