// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
package import MeshCore
package import NIOCore
import NIOHTTP1

/// Asks a program that runs, as its operator.
package struct AdminClient: Sendable {
    /// What the program said.
    package struct Reply: Equatable, Sendable {
        package let status: Int
        package let text: String
    }

    private let access: AdminAccess

    package init(_ access: AdminAccess) {
        self.access = access
    }

    /// The client of the program that runs with a state directory; nil where none does.
    package static func ofRunningProgram(in directory: StateDirectory) async throws(FileFault) -> AdminClient? {
        guard let access = try AdminAccess.kept(in: directory) else { return nil }
        let client = AdminClient(access)
        // The file outlives a program that was killed.
        let answer = try? await client.ask(AdminRequest("GET", path: ["healthz"]), within: .seconds(2))
        return answer?.status == 200 ? client : nil
    }

    /// The whole answer.
    package func ask(_ request: AdminRequest, within patience: TimeAmount = .seconds(30)) async throws -> Reply {
        let answer = try await HTTPClient.shared.execute(call(request), timeout: patience)
        let body = try await answer.body.collect(upTo: 64 * 1_024 * 1_024)
        return Reply(status: Int(answer.status.code), text: String(buffer: body))
    }

    /// The answer as it comes, for one that has no end.
    package func follow(_ request: AdminRequest, _ take: (String) throws -> Void) async throws -> Int {
        let answer = try await HTTPClient.shared.execute(call(request), deadline: .distantFuture)
        for try await part in answer.body { try take(String(buffer: part)) }
        return Int(answer.status.code)
    }

    private func call(_ request: AdminRequest) -> HTTPClientRequest {
        let path = request.path.map { "/" + $0.queryEncoded }.joined()
        let query = request.query.map { "\($0.queryEncoded)=\($1.queryEncoded)" }.joined(separator: "&")
        var call = HTTPClientRequest(url: "http://\(access.endpoint)\(path)" + (query.isEmpty ? "" : "?\(query)"))
        call.method = HTTPMethod(rawValue: request.method)
        call.headers.add(name: "Authorization", value: access.authorization)
        if !request.body.isEmpty { call.body = .bytes(ByteBuffer(string: request.body)) }
        return call
    }
}
