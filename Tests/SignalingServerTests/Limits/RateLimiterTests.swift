// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import signaling_server

@Suite struct RateLimiterTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test func `a burst is let through, then the rate`() {
        var limiter = RateLimiter<String>(Rate(perSecond: 10, burst: 3))
        for _ in 0..<3 { #expect(limiter.take("a", at: start) == nil) }
        #expect(limiter.take("a", at: start) == .milliseconds(100))
        #expect(limiter.take("b", at: start) == nil)
        #expect(limiter.take("a", at: start + .milliseconds(99)) == .milliseconds(1))
        #expect(limiter.take("a", at: start + .milliseconds(100)) == nil)
        #expect(limiter.take("a", at: start + .milliseconds(101)) != nil)
        for _ in 0..<3 { #expect(limiter.take("a", at: start + .seconds(60)) == nil) }
    }

    @Test func `those who have been quiet make room, and without room newcomers wait`() {
        var limiter = RateLimiter<Int>(Rate(perSecond: 1, burst: 5), maximum: 100)
        for number in 0..<100 { #expect(limiter.take(number, at: start) == nil) }
        #expect(limiter.take(100, at: start) == .seconds(1))
        #expect(limiter.take(7, at: start) == nil)
        #expect(limiter.take(100, at: start + .milliseconds(1_500)) == nil)
        #expect(limiter.count == 2)
    }
}
