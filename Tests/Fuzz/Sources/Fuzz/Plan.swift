// SPDX-License-Identifier: Apache-2.0

/// What happens around the bytes of a peer: the letters of the input's first line, each used once; dots when they are
/// used up.
struct Plan {
    private var letters: ArraySlice<UInt8>
    /// The input after the first line.
    let rest: ArraySlice<UInt8>

    init(_ input: [UInt8]) {
        letters = input.prefix { $0 != UInt8(ascii: "\n") }
        rest = input.dropFirst(letters.count + 1)
    }

    mutating func next() -> Character {
        letters.popFirst().map { Character(Unicode.Scalar($0)) } ?? "."
    }
}
