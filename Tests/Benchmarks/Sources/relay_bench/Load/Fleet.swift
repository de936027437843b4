// SPDX-License-Identifier: Apache-2.0

import Bench
import Glibc

/// Clients of one server, logged in.
///
/// Their sockets do not block.
final class Fleet {
    private let port: UInt16
    private let dialect: any Dialect
    private(set) var sockets: [Int32] = []
    /// What each client was told when it logged in.
    private(set) var answers: [[UInt8]] = []

    init(port: UInt16, dialect: any Dialect) {
        self.port = port
        self.dialect = dialect
    }

    deinit {
        closeAll()
    }

    func closeAll() {
        for socket in sockets { close(socket) }
        sockets = []
    }

    /// Gives up the newest of its sockets.
    func takeLast() -> Int32 {
        sockets.removeLast()
    }

    /// Logs in `count` more, a few at a time, so that no server's queue of logins overflows.
    func grow(to count: Int, role: ClientIdentity.Role, firstNumber: Int = 0) throws {
        let atATime = 16
        while sockets.count < count {
            let begin = sockets.count
            let clients = (begin..<min(count, begin + atATime)).map {
                ClientIdentity(number: firstNumber + $0, role: role)
            }
            for client in clients {
                let socket = try Socket.connect(port: port, number: client.number)
                sockets.append(socket)
                try Socket.send(dialect.hello(of: client), to: socket)
            }
            for (offset, client) in clients.enumerated() { try awaitLogin(of: client, sockets[begin + offset]) }
        }
    }

    private func awaitLogin(of client: ClientIdentity, _ socket: Int32) throws {
        Socket.setReadTimeout(socket, seconds: 20)
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(socket, &chunk, chunk.count)
            guard count > 0 else {
                let reason = count == 0 ? "closed" : Socket.reason()
                throw Failure("client \(client.number) is not let in (\(reason)) after: \(answer.suffix(200).text)")
            }
            answer += chunk[..<count]
            switch dialect.login(answer, of: client) {
            case .waiting: continue
            case .refused(let words): throw Failure("client \(client.number) is refused: \(words)")
            case .done:
                answers.append(answer)
                return Socket.setNonBlocking(socket)
            }
        }
    }
}
