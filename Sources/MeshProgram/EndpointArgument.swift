// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
package import MeshCore

extension Endpoint: ExpressibleByArgument {
    package init?(argument: String) {
        self.init(argument)
    }
}
