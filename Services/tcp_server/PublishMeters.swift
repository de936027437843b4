// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// Holds each account to the rate at which it may publish, over all its clients and however often they come back.
///
/// Belongs to the event loop of the connections. It knows no more accounts than have logged in.
final class PublishMeters {
    private let rate: PublishRate?
    private var meters: [AccountName: PublishMeter] = [:]

    /// Without a rate nobody is held back.
    init(_ rate: PublishRate?) {
        self.rate = rate
    }

    /// The one of an account; nil where there is no rate.
    func meter(of account: AccountName) -> PublishMeter? {
        guard let rate else { return nil }
        if let meter = meters[account] { return meter }
        let meter = PublishMeter(rate)
        meters[account] = meter
        return meter
    }
}

/// What one account has published lately.
final class PublishMeter {
    let rate: PublishRate
    private var bucket: TokenBucket

    init(_ rate: PublishRate) {
        self.rate = rate
        bucket = TokenBucket(rate)
    }

    /// Counts a message: nil; or, where it is one too many, when there may be another.
    func take() -> TimeAmount? {
        bucket.take(at: .now())
    }
}
