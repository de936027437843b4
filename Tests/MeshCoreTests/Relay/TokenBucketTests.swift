// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@Suite struct TokenBucketTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test func `a burst passes at once, and then as many as the rate says`() {
        var bucket = TokenBucket(PublishRate(perSecond: 1_000))
        for _ in 0..<5_000 { #expect(bucket.take(at: start) == nil) }
        #expect(bucket.take(at: start) == .milliseconds(1))
        #expect(bucket.take(at: start) == .milliseconds(1))
        #expect(bucket.take(at: start + .microseconds(400)) == .microseconds(600))
        #expect(bucket.take(at: start + .milliseconds(1)) == nil)
        #expect(bucket.take(at: start + .milliseconds(1)) == .milliseconds(1))
    }

    @Test func `who waits as long as told may go on, and who rests has the whole burst again`() {
        var bucket = TokenBucket(PublishRate(perSecond: 3))
        var now = start
        for _ in 0..<15 { #expect(bucket.take(at: now) == nil) }
        for _ in 0..<100 {
            guard let wait = bucket.take(at: now) else {
                Issue.record("nothing to wait for")
                return
            }
            #expect(wait > .zero && wait <= .nanoseconds(333_333_333))
            now = now + wait
            #expect(bucket.take(at: now) == nil)
        }
        now = now + .hours(1)
        for _ in 0..<15 { #expect(bucket.take(at: now) == nil) }
        #expect(bucket.take(at: now) != nil)
    }

    @Test(arguments: [(Int.min, 1), (0, 1), (1, 1), (1_000_000, 1_000_000), (Int.max, 1_000_000)])
    func `a rate is never out of range`(asked: Int, got: Int) {
        let rate = PublishRate(perSecond: asked)
        #expect(rate.perSecond == got)
        var bucket = TokenBucket(rate)
        for _ in 0..<rate.burst { #expect(bucket.take(at: start) == nil) }
        #expect(bucket.take(at: start) != nil)
    }

    @Test func `a clock at its beginning is as good as any`() {
        var bucket = TokenBucket(PublishRate(perSecond: 1))
        for _ in 0..<5 { #expect(bucket.take(at: .uptimeNanoseconds(0)) == nil) }
        #expect(bucket.take(at: .uptimeNanoseconds(0)) == .seconds(1))
    }
}
