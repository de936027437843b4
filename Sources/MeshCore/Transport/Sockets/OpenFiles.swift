// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Raises the number of files that this process may open to what the system allows it, and gives it.
@discardableResult
package func allowManyOpenFiles() -> Int {
    var limit = rlimit()
    #if canImport(Glibc)
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
    let resource = RLIMIT_NOFILE
    #endif
    // What POSIX promises to everyone.
    guard getrlimit(resource, &limit) == 0 else { return 20 }
    let before = limit.rlim_cur
    limit.rlim_cur = limit.rlim_max
    // Where it can't be raised, the limit stays what it was.
    let isRaised = setrlimit(resource, &limit) == 0
    return Int(clamping: isRaised ? limit.rlim_max : before)
}
