// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Writes a line to standard output at once, even into a pipe: a measurement takes minutes.
package func say(_ text: String) {
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
}
