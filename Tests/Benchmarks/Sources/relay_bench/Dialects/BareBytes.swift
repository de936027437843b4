// SPDX-License-Identifier: Apache-2.0

/// Four bytes of length, then the text: for the bare epoll broadcaster, which takes all for bytes.
struct BareBytes: Dialect {
    func hello(of client: ClientIdentity) -> [UInt8] { [] }

    func login(_ answer: [UInt8], of client: ClientIdentity) -> LoginProgress {
        answer == [UInt8](33...33) ? .done : .waiting
    }

    func publication(of text: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt32(text.count)) { Array($0) } + text
    }

    func scan(_ bytes: UnsafeRawBufferPointer) -> Scan {
        Scan(bytes) { start, count in
            guard count >= 4 else { return nil }
            let length = 4 + Int(start.loadUnaligned(as: UInt32.self))
            return length <= count ? Frame(length: length, kind: .message) : nil
        }
    }
}
