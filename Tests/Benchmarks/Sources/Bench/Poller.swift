// SPDX-License-Identifier: Apache-2.0

import CEpoll
import Glibc

/// Which sockets have something, by epoll.
package final class Poller {
    private let descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    private let capacity = 1_024
    private let events: UnsafeMutablePointer<epoll_event>

    package init() {
        events = .allocate(capacity: capacity)
        events.initialize(repeating: epoll_event(), count: capacity)
    }

    deinit {
        close(descriptor)
        events.deallocate()
    }

    package enum Interest {
        case reading
        case readingAndWriting
        /// Nothing but that the other side is gone.
        case ending

        fileprivate var mask: UInt32 {
            switch self {
            case .reading: EPOLLIN.rawValue
            case .readingAndWriting: EPOLLIN.rawValue | EPOLLOUT.rawValue
            case .ending: EPOLLRDHUP.rawValue
            }
        }
    }

    /// Watches a socket; its events bear `tag`.
    package func add(_ socket: Int32, tag: Int, _ interest: Interest = .reading) {
        control(EPOLL_CTL_ADD, socket, tag, interest)
    }

    package func change(_ socket: Int32, tag: Int, _ interest: Interest) {
        control(EPOLL_CTL_MOD, socket, tag, interest)
    }

    package func remove(_ socket: Int32) {
        control(EPOLL_CTL_DEL, socket, 0, .reading)
    }

    private func control(_ operation: Int32, _ socket: Int32, _ tag: Int, _ interest: Interest) {
        var event = epoll_event()
        event.events = interest.mask
        event.data.u64 = UInt64(tag)
        let status = epoll_ctl(descriptor, operation, socket, &event)
        precondition(status == 0, "epoll_ctl: \(String(cString: strerror(errno)))")
    }

    /// Waits no longer than `nanoseconds`, and gives the number of events.
    package func wait(nanoseconds: Int) -> Int {
        let rest = max(0, nanoseconds)
        var time = timespec(tv_sec: rest / 1_000_000_000, tv_nsec: rest % 1_000_000_000)
        return max(0, Int(epoll_pwait2(descriptor, events, Int32(capacity), &time, nil)))
    }

    /// The tag of one of the events of the last ``wait(nanoseconds:)``.
    package func tag(_ event: Int) -> Int { Int(events[event].data.u64) }

    package func isWritable(_ event: Int) -> Bool { events[event].events & EPOLLOUT.rawValue != 0 }
}
