// SPDX-License-Identifier: Apache-2.0

package import NIOCore

extension NIODeadline {
    /// The next half second, for what is due in more than two seconds; what is due sooner keeps its time.
    ///
    /// So the timers of many connections fire together, and a device with nothing to do is seldom woken.
    package func shared(after now: NIODeadline) -> NIODeadline {
        let grid = TimeAmount.milliseconds(500)
        guard self - now > grid * 4 else { return self }
        let past = Int64(uptimeNanoseconds % UInt64(grid.nanoseconds))
        return past == 0 ? self : self + .nanoseconds(grid.nanoseconds - past)
    }
}
