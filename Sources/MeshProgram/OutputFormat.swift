// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// How a program writes what it has to say.
package enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// For people.
    case text
    /// For machines: a JSON object a line.
    case json
}
