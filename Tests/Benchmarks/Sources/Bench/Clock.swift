// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Nanoseconds of the machine's clock that never steps back.
package func monotonicNanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.nanoseconds
}

/// Processor time that this process has used, in nanoseconds.
package func ownProcessorNanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return time.nanoseconds
}

extension timespec {
    var nanoseconds: Int { tv_sec * 1_000_000_000 + tv_nsec }
}

/// Lets time pass.
package func wait(until time: Int) {
    let rest = time - monotonicNanoseconds()
    if rest > 0 { poll(nil, 0, Int32(clamping: rest / 1_000_000)) }
}

package func wait(seconds: Int) {
    wait(until: monotonicNanoseconds() + seconds * 1_000_000_000)
}

/// Asks again and again, every ten milliseconds, until the answer is yes or the time is over.
package func eventually(within seconds: Int, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = monotonicNanoseconds() + seconds * 1_000_000_000
    while monotonicNanoseconds() < deadline {
        if try condition() { return true }
        poll(nil, 0, 10)
    }
    return false
}
