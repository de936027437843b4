// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Opens the null device for each standard stream that the program was started without.
///
/// Otherwise the next file or socket would get its number, and be read as commands or written to as output. To be
/// called before anything is opened.
func openMissingStandardStreams() {
    for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(stream, F_GETFD) == -1 {
        // The lowest free number is this one's.
        _ = open("/dev/null", O_RDWR)
    }
}
