// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import MeshAdmin
import Testing

@Suite struct BrowserGuardTests {
    private let onLoopback = BrowserGuard(isLoopback: true, names: ["Mesh.local"])

    @Test(arguments: [
        "localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:8080", "192.0.2.1:8080",
        "mesh.local",
        "mesh.LOCAL:80",
    ])
    func `an address, localhost and a name of our own may be called`(host: String) throws {
        try onLoopback.check(request(host), isChange: true)
    }

    @Test(arguments: [
        "evil.example", "evil.example:8080", "localhost.evil.example", "mesh.local.evil.example", "", ":8080", "a b",
        "[::1",
        "127.0.0.1.nip.io", "localhost:8080:1", "evil.example:x", "[evil]:80", "127.0.0.1@evil.example",
    ])
    func `another name may not, for reading neither`(host: String) {
        #expect(throws: BrowserFault.otherHost) { try onLoopback.check(request(host), isChange: false) }
    }

    @Test func `where others may reach the server it has names that it doesn't know`() throws {
        try BrowserGuard(isLoopback: false, names: []).check(request("mesh.example.org"), isChange: true)
        try onLoopback.check(request(nil), isChange: true)
    }

    @Test func `the origin counts for changes, wherever the server listens`() throws {
        let open = BrowserGuard(isLoopback: false, names: [])
        for origin in ["http://mesh.example.org", "https://MESH.example.org"] {
            try open.check(request("mesh.example.org", [.origin: origin]), isChange: true)
        }
        for origin in ["http://evil.example", "null", "http://mesh.example.org:81", "mesh.example.org", ""] {
            #expect(throws: BrowserFault.otherOrigin) {
                try open.check(request("mesh.example.org", [.origin: origin]), isChange: true)
            }
            try open.check(request("mesh.example.org", [.origin: origin]), isChange: false)
        }
    }

    private func request(_ host: String?, _ headers: HTTPFields = [:]) -> HTTPRequest {
        HTTPRequest(method: .get, scheme: "http", authority: host, path: "/", headerFields: headers)
    }
}
