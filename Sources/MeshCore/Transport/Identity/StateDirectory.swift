// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The directory in which a program keeps what must outlive it, readable by its owner alone.
package struct StateDirectory: Sendable {
    package let path: String

    /// Makes the directory, with mode 0700, where it is not there yet.
    package init(path: String) throws(FileFault) {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw FileFault(path: path, doing: "make", reason: FileFault.reason(of: error))
        }
    }

    /// The path of a file in the directory.
    package func file(_ name: String) -> String { path + "/" + name }

    /// The text of a file; nil where there is none.
    package func read(_ name: String) throws(FileFault) -> String? {
        let path = file(name)
        do {
            return try String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
            return nil
        } catch {
            throw FileFault(path: path, doing: "read", reason: FileFault.reason(of: error))
        }
    }

    /// Replaces a file in one step, with mode 0600: afterwards it holds all of `text` or what it held before.
    package func write(_ text: String, to name: String) throws(FileFault) {
        try writePrivately(text, to: file(name))
    }

    /// Adds `text` to the end of a file, which is made with mode 0600 where it isn't there.
    ///
    /// What other processes add at the same time stays whole.
    package func append(_ text: String, to name: String) throws(FileFault) {
        let path = file(name)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFault(path: path, doing: "write", number: errno) }
        defer { close(descriptor) }
        if let number = writeAll(text, descriptor) { throw FileFault(path: path, doing: "write", number: number) }
    }

    /// Keeps other processes from using the directory until this one ends.
    ///
    /// False if one does already.
    ///
    /// The descriptor stays open on purpose: the lock goes with the process, however it ends.
    package func lock() throws(FileFault) -> Bool {
        let path = file("lock")
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileFault(path: path, doing: "open", number: errno) }
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        let number = errno
        close(descriptor)
        guard number == EWOULDBLOCK else { throw FileFault(path: path, doing: "lock", number: number) }
        return false
    }
}

/// Replaces the file at `path` in one step, with mode 0600 whatever the umask: afterwards it holds all of `text`,
/// also after a power failure, or what it held before.
package func writePrivately(_ text: String, to path: String) throws(FileFault) {
    let temporary = "\(path).\(getpid()).new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileFault(path: path, doing: "write", number: errno) }
    var failure = writeAll(text, descriptor)
    if failure == nil, fsync(descriptor) != 0 { failure = errno }
    if close(descriptor) != 0, failure == nil { failure = errno }
    if failure == nil, rename(temporary, path) != 0 { failure = errno }
    if let failure {
        unlink(temporary)
        throw FileFault(path: path, doing: "write", number: failure)
    }
}

/// Makes an empty file at `path` where there is none, and takes from all but its owner what they may do with it.
///
/// For what another library opens next, such as a database: SQLite gives its own files beside it the same mode.
package func makePrivate(_ path: String) throws(FileFault) {
    let descriptor = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { throw FileFault(path: path, doing: "open", number: errno) }
    defer { close(descriptor) }
    guard fchmod(descriptor, 0o600) == 0 else { throw FileFault(path: path, doing: "make private", number: errno) }
}

/// Writes all of `text`; the error's number if that fails.
private func writeAll(_ text: String, _ descriptor: Int32) -> Int32? {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
        let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if written > 0 { rest = rest.dropFirst(written) } else if errno != EINTR { return errno }
    }
    return nil
}

/// A file that could not be used, with the reason in the system's words.
package struct FileFault: Error, Equatable, CustomStringConvertible {
    package let path: String
    private let doing: String
    private let reason: String

    package init(path: String, doing: String, reason: String) {
        (self.path, self.doing, self.reason) = (path, doing, reason)
    }

    package init(path: String, doing: String, number: Int32) {
        self.init(path: path, doing: doing, reason: String(cString: strerror(number)))
    }

    package var description: String { "can't \(doing) \(path): \(reason)" }

    fileprivate static func reason(of error: any Error) -> String {
        guard let error = error as? CocoaError else { return "\(error)" }
        if let cause = error.underlying as? POSIXError { return String(cString: strerror(cause.code.rawValue)) }
        return switch error.code {
        case .fileReadNoPermission, .fileWriteNoPermission: "permission denied"
        case .fileWriteFileExists: "a file of that name is in the way"
        case .fileWriteOutOfSpace: "no space left on the device"
        default: "\(error)"
        }
    }
}
