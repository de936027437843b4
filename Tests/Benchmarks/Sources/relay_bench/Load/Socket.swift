// SPDX-License-Identifier: Apache-2.0

import Bench
import Glibc

/// TCP sockets on loopback.
enum Socket {
    /// Connects to `port`, and waits for it.
    ///
    /// The `number`th client comes from one of many addresses of loopback, so that no address runs out of ports.
    static func connect(port: UInt16, number: Int = 0) throws -> Int32 {
        try connect(port, number, flags: 0)
    }

    /// Begins to connect, and does not wait for it; the socket does not block.
    static func begin(port: UInt16, number: Int) throws -> Int32 {
        try connect(port, number, flags: Int32(SOCK_NONBLOCK.rawValue))
    }

    private static func connect(_ port: UInt16, _ number: Int, flags: Int32) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | flags, 0)
        guard descriptor >= 0 else { throw Failure("no socket: \(reason())") }
        set(descriptor, level: Int32(IPPROTO_TCP), option: TCP_NODELAY, to: 1)
        // So that two sockets to one server may have one port if their addresses differ.
        set(descriptor, level: Int32(IPPROTO_IP), option: IP_BIND_ADDRESS_NO_PORT, to: 1)
        let source = UInt32(0x7f00_0002) + UInt32(number / 4_000 % 250)
        guard call(bind, descriptor, address: source, port: 0) == 0,
            call(Glibc.connect, descriptor, address: 0x7f00_0001, port: port) == 0 || errno == EINPROGRESS
        else {
            let reason = reason()
            close(descriptor)
            throw Failure("can't connect to 127.0.0.1:\(port): \(reason)")
        }
        return descriptor
    }

    /// A port of loopback that nobody listens on.
    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard call(bind, descriptor, address: 0x7f00_0001, port: 0) == 0 else { throw Failure("no port: \(reason())") }
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
        }
        guard status == 0 else { throw Failure("no port: \(reason())") }
        return UInt16(bigEndian: address.sin_port)
    }

    /// Reading that takes longer than this fails.
    static func setReadTimeout(_ descriptor: Int32, seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    static func setNonBlocking(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    /// Sends all of `bytes` on a socket that blocks.
    static func send(_ bytes: [UInt8], to descriptor: Int32) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure("can't send: \(reason())") }
            sent += count
        }
    }

    static func reason() -> String { String(cString: strerror(errno)) }

    private static func set(_ descriptor: Int32, level: Int32, option: Int32, to value: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32,
        _ descriptor: Int32,
        address: UInt32,
        port: UInt16
    ) -> Int32 {
        var socketAddress = sockaddr_in()
        socketAddress.sin_family = sa_family_t(AF_INET)
        socketAddress.sin_addr.s_addr = address.bigEndian
        socketAddress.sin_port = port.bigEndian
        return withUnsafePointer(to: &socketAddress) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
