// SPDX-License-Identifier: Apache-2.0

package import MeshAdmin

/// What stands between a request and the registry.
package struct Guards: Sendable {
    package let browsers: BrowserGuard
    package let limits: Limits
    package let proxies: ProxyChain

    package init(browsers: BrowserGuard, limits: Limits, proxies: ProxyChain) {
        (self.browsers, self.limits, self.proxies) = (browsers, limits, proxies)
    }
}
