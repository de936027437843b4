// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// Where a server spends its time, by perf, in files of one folder.
struct Profile {
    let folder: URL

    /// Records `server` until the recording is stopped.
    ///
    /// `perf report -i FILE` shows it.
    func record(_ server: Server, _ name: String) -> Recording? {
        let place = folder.appending(path: name)
        try? FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let command = [
            "/usr/bin/perf", "record", "--quiet", "-F", "997", "-g", "-o", place.appending(path: "perf.data").path,
            "-p", "\(server.process.id)",
        ]
        return (try? ServerProcess(command, folder: place)).map { Recording(process: $0) }
    }

    struct Recording {
        fileprivate let process: ServerProcess

        func stop() {
            process.interrupt()
        }
    }
}
