// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import MeshCore
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// What came of reading a file again that had changed.
enum Rereading: Equatable, Sendable {
    case taken(String)
    /// What was read before stays in force.
    case kept(because: String)

    /// Says so to the operator.
    func log(of what: String, _ logger: Logger) {
        switch self {
        case .taken(let content):
            logger.notice("read again", metadata: ["what": "\(what)", "content": "\(content)"])
        case .kept(let reason):
            logger.error(
                "not read again: what was read before stays in force",
                metadata: ["what": "\(what)", "error": "\(reason)"]
            )
        }
    }
}

/// Looks every few seconds, and at once on SIGHUP, whether the password file or the certificate has changed.
///
/// Ends when the terminal that the relay was started at is closed: the system says that by SIGHUP, too.
struct FileWatch: Service {
    let accounts: AccountFile
    let certificate: ServerCertificate
    let logger: Logger
    var interval = Duration.seconds(2)

    func run() async throws {
        await look(.passing)
        await cancelWhenGracefulShutdown {
            await withTaskGroup { tasks in
                tasks.addTask { await lookOnHangup() }
                tasks.addTask { await lookNowAndThen() }
                await tasks.next()
                tasks.cancelAll()
            }
        }
    }

    private func lookOnHangup() async {
        let isAtTerminal = isatty(STDERR_FILENO) == 1
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            if isAtTerminal, isatty(STDERR_FILENO) == 0 { return logger.notice("the terminal is closed") }
            logger.notice("asked to read the password file and the certificate again")
            await look(.askedTo)
        }
    }

    private func lookNowAndThen() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            await look(.passing)
        }
    }

    private func look(_ occasion: ServerCertificate.Occasion) async {
        // Files block: not on the threads that all tasks share.
        _ = try? await NIOThreadPool.singleton.runIfActive {
            _ = accounts.current()
            certificate.reread(occasion)
        }
    }
}
