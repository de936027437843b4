// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import MeshCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Why a program ends without having done its work: one exit code of sysexits(3), and a message that names what is at
/// fault and what to do.
package struct ProgramFailure: Error, CustomStringConvertible {
    /// The exit codes of sysexits(3) that the programs use.
    package enum Kind: Int32, Sendable {
        case usage = 64
        case badInput = 65
        case unavailable = 69
        case ourFault = 70
        case system = 71
        case cannotCreate = 73
        case inputOutput = 74
        case tryAgain = 75
        case `protocol` = 76
        case notPermitted = 77
        case configuration = 78
        /// As a shell counts SIGINT.
        case interrupted = 130
    }

    package let kind: Kind
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// Runs a program's body and turns a ``ProgramFailure`` into a line on standard error, `program: message`, and its exit
/// code.
///
/// A file that can't be used is the system's fault, any other error counts as ours.
package func reportingFailures(of program: String, _ body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch let failure as ProgramFailure {
        complain("\(program): \(failure)")
        throw ExitCode(failure.kind.rawValue)
    } catch let code as ExitCode {
        throw code
    } catch let fault as FileFault {
        complain("\(program): \(fault)")
        throw ExitCode(ProgramFailure.Kind.cannotCreate.rawValue)
    } catch {
        complain("\(program): \(error)")
        throw ExitCode(ProgramFailure.Kind.ourFault.rawValue)
    }
}

/// Writes a line to standard error.
package func complain(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    // Where standard error is closed there is nobody to tell.
    _ = bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
