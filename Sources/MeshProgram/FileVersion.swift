// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Changes whenever a file is written or replaced, once it is settled.
package struct FileVersion: Equatable, Sendable {
    let device: UInt64
    let inode: UInt64
    let size: Int64
    let written: FileTime
    /// Also changes where the time of writing is set back, and with the permissions.
    let changed: FileTime
    /// Whether any later change would give another version: two changes in one tick of the file system's clock, some
    /// milliseconds, bear the same time.
    package let isSettled: Bool

    struct FileTime: Equatable, Sendable {
        let seconds: Int
        let nanoseconds: Int
    }

    /// Nil where the file can't be looked at.
    package init?(path: String) {
        var status = stat()
        var now = timespec()
        guard stat(path, &status) == 0, clock_gettime(CLOCK_REALTIME, &now) == 0 else { return nil }
        (device, inode, size) = (UInt64(status.st_dev), UInt64(status.st_ino), Int64(status.st_size))
        written = FileTime(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        changed = FileTime(seconds: status.st_ctim.tv_sec, nanoseconds: status.st_ctim.tv_nsec)
        isSettled = now.tv_sec - changed.seconds > 1
    }

    package static func == (left: FileVersion, right: FileVersion) -> Bool {
        left.device == right.device && left.inode == right.inode && left.size == right.size
            && left.written == right.written && left.changed == right.changed
    }
}
