// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One client that reads: its socket, and the beginning of a frame that did not come whole.
struct Receiver {
    let socket: Int32
    /// The number of the message that comes next.
    var next = 0
    private let rest: UnsafeMutableRawPointer
    private var restCount = 0

    /// A frame may be as long as this.
    static let longestFrame = 8_192

    init(socket: Int32) {
        self.socket = socket
        rest = .allocate(byteCount: Self.longestFrame, alignment: 16)
    }

    func deallocate() {
        rest.deallocate()
    }

    enum Arrival {
        case bytes(Int)
        case nothing
        case closed(String)
    }

    /// Reads once: `buffer` then begins with what was left over the last time.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Arrival {
        guard let start = buffer.baseAddress else { return .nothing }
        memcpy(start, rest, restCount)
        let count = Glibc.read(socket, start + restCount, buffer.count - restCount)
        if count > 0 { return .bytes(restCount + count) }
        if count == 0 { return .closed("closed by the server") }
        return errno == EAGAIN ? .nothing : .closed(String(cString: strerror(errno)))
    }

    /// Keeps what comes behind the whole frames; false if that is longer than any frame may be.
    mutating func keep(_ bytes: UnsafeRawBufferPointer) -> Bool {
        restCount = bytes.count
        guard restCount <= Self.longestFrame else { return false }
        if let start = bytes.baseAddress { memcpy(rest, start, restCount) }
        return true
    }
}
