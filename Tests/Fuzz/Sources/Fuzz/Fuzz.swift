// SPDX-License-Identifier: Apache-2.0

import CFuzzer
import Foundation

/// libFuzzer around the target that `--target=` names; the rest of the arguments is libFuzzer's, which passes over
/// those that begin with two dashes.
@main
enum Fuzz {
    static func main() {
        guard target != nil else {
            print("usage: Fuzz --target=<one of: \(targets.keys.sorted().joined(separator: " "))> …")
            exit(EX_USAGE)
        }
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(LLVMFuzzerRunDriver(&count, &arguments, testOneInput))
    }

    fileprivate static let target: (@Sendable ([UInt8]) -> Void)? = {
        let option = "--target="
        let name = CommandLine.arguments.first { $0.hasPrefix(option) }?.dropFirst(option.count)
        return name.flatMap { targets[String($0)] }
    }()

    /// Each with the name of its folder in the corpus.
    private static let targets: [String: @Sendable ([UInt8]) -> Void] = [
        "announcements": fuzzAnnouncements,
        "answers": fuzzAnswers,
        "batches": fuzzBatches,
        "broadcast-packets": fuzzBroadcastPackets,
        "client": fuzzClient,
        "dialogue": fuzzDialogue,
        "earlier-requests": fuzzEarlierRequests,
        "events": fuzzEvents,
        "first-bytes": fuzzFirstBytes,
        "first-words": fuzzFirstWords,
        "frames": fuzzFrames,
        "lines": fuzzLines,
        "names": fuzzNames,
        "origins": fuzzOrigins,
        "peer": fuzzPeer,
        "peer-messages-binary": fuzzBinaryPeerMessages,
        "peer-messages-json": fuzzJSONPeerMessages,
        "port": fuzzPort,
        "registrations": fuzzRegistrations,
        "requests-binary": fuzzBinaryRequests,
        "requests-json": fuzzJSONRequests,
        "scans": fuzzScans,
        "session": fuzzSession,
        "signatures": fuzzSignatures,
        "sources": fuzzSources,
        "text": fuzzText,
        "tickets": fuzzTickets,
        "web-frames": fuzzWebFrames,
    ]
}

/// What libFuzzer calls with each input; 0 says that the input is worth keeping where it reached something new.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Fuzz.target?(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

/// Ends the process, which libFuzzer takes for a find, unless `condition` holds.
func require(_ condition: Bool, _ complaint: @autoclosure () -> String) {
    if !condition { fatalError(complaint()) }
}
