// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The standard streams, which a program may be started without.
enum StandardStreams {
    /// Opens the null device for each stream that is missing, so that no later file or socket gets its number.
    ///
    /// To be called before anything is opened.
    static func openMissing() {
        for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(stream, F_GETFD) == -1 {
            // The lowest free number is this one's.
            _ = open("/dev/null", O_RDWR)
        }
    }

    /// Whether the number is a stream's at all: the runtime may have taken one that was free for a queue of events.
    static func isThere(_ stream: Int32) -> Bool {
        guard fcntl(stream, F_GETFD) != -1 else { return false }
        // Linux says so of what is no file; where there is no such link, no queue has a stream's number.
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(stream)")
        return link?.hasPrefix("anon_inode:") != true
    }
}
