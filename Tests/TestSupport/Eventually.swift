// SPDX-License-Identifier: Apache-2.0

/// Waits until `condition` holds, looking again every few milliseconds; false if it doesn't within `patience`.
///
/// The patience is no measure of anything: what holds at once on an idle machine may take long on a busy one.
package func eventually(
    within patience: Duration = .seconds(60),
    _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let deadline = ContinuousClock.now + patience
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        // The one sleep of the tests: the pause of a poll that has a deadline.
        try? await Task.sleep(for: .milliseconds(5))
    }
    return try await condition()
}
