// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

extension JSON {
    /// RFC 3339, in UTC, to the millisecond.
    private static let form = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// RFC 3339.
    package static func date(_ date: Date) -> JSON {
        // The form cuts off what is below a millisecond. With half of one more it rounds, or a time that was read would be
        // written as an earlier one.
        .string(Timestamp(date)?.text ?? (date + 0.000_5).formatted(form))
    }

    /// The time that the text is.
    package var date: Date? {
        guard let text = string else { return nil }
        // The library would take the 30th of February for a day in March.
        if Timestamp.mayBe(text) { return Timestamp(text)?.date }
        return try? Date(text, strategy: Self.form)
    }
}

/// A time in the one form that we write, `2026-11-21T09:31:15.529Z`, of the years that four digits tell.
///
/// Written and read without a calendar of all times and places: a registry has some hundred thousand of them.
private struct Timestamp {
    /// Since 1970, in UTC.
    let milliseconds: Int64

    private static let day: Int64 = 86_400_000
    /// Days in 400 years, which is when the calendar begins anew.
    private static let era: Int64 = 146_097

    var date: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1_000) }

    /// Nil for another year than 1970 to 9999.
    init?(_ date: Date) {
        let seconds = date.timeIntervalSince1970
        guard seconds >= 0, seconds < 253_402_300_799 else { return nil }
        milliseconds = Int64((seconds * 1_000).rounded())
    }

    /// Whether a text is as long as one, and a time in UTC if any.
    static func mayBe(_ text: String) -> Bool { text.utf8.count == 24 && text.utf8.last == UInt8(ascii: "Z") }

    /// Nil for any other form, and for a day that no calendar has.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard Self.mayBe(text) else { return nil }
        for (place, mark) in [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "."), (23, "Z")] {
            guard bytes[place] == mark.utf8.first else { return nil }
        }
        guard let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[5..<7]),
            let day = Self.number(bytes[8..<10]), let hour = Self.number(bytes[11..<13]),
            let minute = Self.number(bytes[14..<16]), let second = Self.number(bytes[17..<19]),
            let fraction = Self.number(bytes[20..<23]), year >= 1970, (1...12).contains(month), day >= 1,
            day <= Self.length(ofMonth: month, year: year), hour < 24, minute < 60, second < 60
        else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        milliseconds = days * Self.day + ((hour * 60 + minute) * 60 + second) * 1_000 + fraction
    }

    var text: String {
        let (year, month, day) = Self.calendar(milliseconds / Self.day)
        let time = milliseconds % Self.day
        var bytes: [UInt8] = []
        bytes.reserveCapacity(24)
        for (value, digits, mark) in [
            (year, 4, "-"), (month, 2, "-"), (day, 2, "T"), (time / 3_600_000, 2, ":"), (time / 60_000 % 60, 2, ":"),
            (time / 1_000 % 60, 2, "."), (time % 1_000, 3, "Z"),
        ] {
            var divisor: Int64 = digits == 4 ? 1_000 : digits == 3 ? 100 : 10
            while divisor > 0 {
                bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
                divisor /= 10
            }
            bytes += mark.utf8
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        var value: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return value
    }

    private static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func length(ofMonth month: Int64, year: Int64) -> Int64 {
        month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days from 1970-01-01 on: years that begin in March have the leap day at their end, and months whose lengths follow
    /// a rule, 153 days for each five.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }

    private static func calendar(_ daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let days = daysSince1970 + 719_468
        let dayOfEra = days % era
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = (monthFromMarch + 2) % 12 + 1
        let year = yearOfEra + days / era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }
}
