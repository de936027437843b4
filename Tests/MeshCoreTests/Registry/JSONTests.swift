// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import MeshCore
import TestSupport
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        ("null", JSON.null), (" true ", .bool(true)), ("false", .bool(false)), ("-0.5e+3", .integer(-500)),
        ("0.25", .number(0.25)), ("1e300", .number(1e300)), ("[]", .array([])),
        ("{ }", .object([:])),
        (
            #"{"a":[1,{"b":null}],"c":"d"}"#,
            .object(["a": .array([.integer(1), .object(["b": .null])]), "c": .string("d")])
        ),
        (#""\"\\\/\b\f\n\r\t\u0041\ud83d\ude00é""#, .string("\"\\/\u{8}\u{C}\n\r\tA😀é")),
    ])
    func `a text is read as its value`(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text.utf8) == value)
        #expect(try JSON(parsing: value.description.utf8) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "truex", "1 2", "-", "+1", "NaN", "1e400", "'a'", "\"", "\"\\x\"", "\"\\ud800\"", "\"a\nb\"",
        "[", "[1,",
        "]", "{", "{\"a\"", "{\"a\":", "{a:1}", "{1:1}", "[1}", "//",
    ])
    func `what is no text is refused`(text: String) {
        #expect(throws: JSONFault.malformed) { try JSON(parsing: text.utf8) }
    }

    @Test func `other bytes than UTF-8 and great depth are refused`() {
        #expect(throws: JSONFault.malformed) { try JSON(parsing: [UInt8(ascii: "\""), 0xFF, UInt8(ascii: "\"")]) }
        let nested = String(repeating: "[", count: 18) + String(repeating: "]", count: 18)
        #expect(throws: JSONFault.tooDeep(limit: 16)) { try JSON(parsing: nested.utf8) }
        for opening in ["[", #"{"a":"#] {
            #expect(throws: JSONFault.self) { try JSON(parsing: String(repeating: opening, count: 60_000).utf8) }
        }
    }

    @Test(arguments: [#"{"a":1,"a":1}"#, #"{"a":1,"\u0061":2}"#, #"[{"b":{"é":0,"e\u0301":0}}]"#])
    func `a member that is there twice is refused`(text: String) {
        #expect(throws: JSONFault.duplicate) { try JSON(parsing: text.utf8) }
    }

    @Test func `times are written to the millisecond, and read as they were written`() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        #expect(JSON.date(Date(timeIntervalSince1970: 1_709_164_800.125)) == .string("2024-02-29T00:00:00.125Z"))
        #expect(JSON.date(Date(timeIntervalSince1970: 0)) == .string("1970-01-01T00:00:00.000Z"))
        #expect(JSON.date(Date(timeIntervalSince1970: 4_107_542_399.9996)) == .string("2100-03-01T00:00:00.000Z"))
        let form = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        for _ in 0..<20_000 {
            let date = Date(
                timeIntervalSince1970: Double(Int64.random(in: 0...253_402_300_000_000, using: &generator)) / 1_000
            )
            let written = JSON.date(date)
            #expect(written == .string((date + 0.000_5).formatted(form)), "seed \(seed)")
            #expect(written.date == date, "seed \(seed)")
        }
        for text in ["2023-02-29T00:00:00.000Z", "2023-13-01T00:00:00.000Z", "2023-01-01T24:61:00.000Z", "now", ""] {
            #expect(JSON.string(text).date == nil, "\(text)")
        }
    }

    @Test func `keys are in the order of their bytes, whatever the letters are made of`() {
        // Of each two, Swift's `<` finds neither less than the other.
        let letters = ["a", "e", "i", "o", "u"]
        let keys = letters.map { $0 + "\u{301}" } + ["\u{E1}A", "\u{E9}A", "\u{ED}A", "\u{F3}A", "\u{FA}A"]
        let members = Dictionary(uniqueKeysWithValues: keys.map { ($0, JSON.null) })
        #expect(JSON.object(members).description == "{" + keys.map { "\"\($0)\":null" }.joined(separator: ",") + "}")
    }

    @Test func `random bytes, and texts with a byte changed or cut off, never trap`() {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        let valid = Array(
            #"{"id":"a\u00e9\ud83d\ude00","port":9000,"addresses":["[::1]:1",null,true],"ttl":-1.5e3}"#.utf8
        )
        for _ in 0..<20_000 {
            var bytes = Array(valid.prefix(Int.random(in: 0...valid.count, using: &generator)))
            for _ in 0..<Int.random(in: 0...3, using: &generator) where !bytes.isEmpty {
                let position = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[position] = UInt8.random(in: .min ... .max, using: &generator)
            }
            // Whatever is read can be written and read again.
            guard let value = try? JSON(parsing: bytes) else { continue }
            #expect((try? JSON(parsing: value.description.utf8)) == value, "seed \(seed)")
        }
    }
}
