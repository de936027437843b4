// SPDX-License-Identifier: Apache-2.0

import Bench
import COpenSSL
import Glibc

/// Clients of one server over TLS, logged in.
final class TLSFleet {
    private let port: UInt16
    private let dialect: any Dialect
    private let context: OpaquePointer
    private var connections: [(socket: Int32, tls: OpaquePointer)] = []

    init(port: UInt16, dialect: any Dialect) throws {
        self.port = port
        self.dialect = dialect
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw Failure("OpenSSL has no context") }
        self.context = context
    }

    deinit {
        for connection in connections {
            SSL_free(connection.tls)
            close(connection.socket)
        }
        SSL_CTX_free(context)
    }

    func grow(to count: Int) throws {
        while connections.count < count {
            try logIn(ClientIdentity(number: connections.count, role: .idler))
        }
    }

    private func logIn(_ client: ClientIdentity) throws {
        let socket = try Socket.connect(port: port, number: client.number)
        Socket.setReadTimeout(socket, seconds: 20)
        guard let tls = SSL_new(context), SSL_set_fd(tls, socket) == 1, SSL_connect(tls) == 1 else {
            throw Failure("client \(client.number): no TLS")
        }
        connections.append((socket, tls))
        let hello = dialect.hello(of: client)
        guard SSL_write(tls, hello, Int32(hello.count)) == hello.count else {
            throw Failure("client \(client.number) can't send")
        }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = SSL_read(tls, &chunk, Int32(chunk.count))
            guard count > 0 else { throw Failure("client \(client.number) is not let in") }
            answer += chunk[..<Int(count)]
            switch dialect.login(answer, of: client) {
            case .waiting: continue
            case .refused(let words): throw Failure("client \(client.number) is refused: \(words)")
            case .done: return
            }
        }
    }
}
