// SPDX-License-Identifier: Apache-2.0

/// Numbered texts, of one size, in the frames of one dialect.
///
/// The number is how a receiver is seen to be given each message, once and in order.
struct Payload {
    /// What stands in a text where the number comes.
    static let numberPlaceholder = [UInt8](repeating: UInt8(ascii: "0"), count: 12)
    private static let mark = [UInt8]("^#")

    private var frame: [UInt8]
    private let places: [Int]

    init(dialect: any Dialect, textBytes: Int) {
        let start = Self.mark + Self.numberPlaceholder
        let filler = (start.count..<textBytes).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        frame = dialect.publication(of: start + filler)
        let size = Self.numberPlaceholder.count
        places = (0...(frame.count - size)).filter { [frame] in Array(frame[$0..<$0 + size]) == Self.numberPlaceholder }
    }

    /// The frame with this number.
    mutating func append(_ number: Int, to output: inout [UInt8]) {
        var rest = number
        for digit in stride(from: Self.numberPlaceholder.count - 1, through: 0, by: -1) {
            let character = UInt8(ascii: "0") + UInt8(rest % 10)
            for place in places { frame[place + digit] = character }
            rest /= 10
        }
        output.append(contentsOf: frame)
    }

    /// The number in a frame that a receiver was given; nil where there is none.
    static func number(in frame: UnsafeRawBufferPointer) -> Int? {
        let longest = mark.count + numberPlaceholder.count
        guard frame.count >= longest else { return nil }
        for start in 0...(frame.count - longest) where frame[start] == mark[0] && frame[start + 1] == mark[1] {
            let digits = frame[(start + mark.count)..<(start + longest)]
            return digits.reduce(0) { value, digit in value * 10 + Int(digit) - 48 }
        }
        return nil
    }
}
