// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A UDP socket for a discovery source.
///
/// All that needs pointers to C is here. The number of the socket is for who reads from it; this object sends on a
/// duplicate of its own, which it closes, so that an error of sending (a network that is down) ends nothing.
final class DatagramSocket: Sendable {
    /// The socket to read from; whoever takes it closes it.
    let reading: Int32
    private let sending: Int32
    private let isIPv6: Bool

    /// A socket bound to `host`, of which several may be bound to the same port.
    init(host: String, port: UInt16) throws(FileFault) {
        let place = "udp \(host):\(port)"
        isIPv6 = host.contains(":")
        let descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw FileFault(path: place, doing: "open", number: errno) }
        reading = descriptor
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        sending = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard sending >= 0 else {
            let number = errno
            close(descriptor)
            throw FileFault(path: place, doing: "open", number: number)
        }
        set(SOL_SOCKET, SO_REUSEADDR, 1)
        if isIPv6 {
            set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1)
            #if os(Linux)
            // What is sent to groups that other programs of this machine have joined is not for this one.
            set(Int32(IPPROTO_IPV6), Self.multicastAll, 0)
            #endif
        } else {
            set(SOL_SOCKET, SO_BROADCAST, 1)
        }
        guard let address = SocketName(host: host, port: port) else {
            close(descriptor)
            throw FileFault(path: place, doing: "bind", reason: "not an address")
        }
        guard address.withPointer({ bind(descriptor, $0, $1) }) == 0 else {
            let number = errno
            close(descriptor)
            throw FileFault(path: place, doing: "bind", number: number)
        }
    }

    deinit { close(sending) }

    /// IPV6_MULTICAST_ALL, which is no name in Swift.
    private static let multicastAll: Int32 = 29

    /// Receives what is sent to `group` on an interface; false where it can't.
    func join(_ group: String, interface: Int) -> Bool {
        if isIPv6 {
            var request = ipv6_mreq()
            guard inet_pton(AF_INET6, group, &request.ipv6mr_multiaddr) == 1 else { return false }
            request.ipv6mr_interface = UInt32(truncatingIfNeeded: interface)
            return isFine(
                setsockopt(
                    sending,
                    Int32(IPPROTO_IPV6),
                    IPV6_JOIN_GROUP,
                    &request,
                    socklen_t(MemoryLayout<ipv6_mreq>.size)
                )
            )
        }
        var request = ip_mreqn()
        guard inet_pton(AF_INET, group, &request.imr_multiaddr) == 1 else { return false }
        request.imr_ifindex = Int32(truncatingIfNeeded: interface)
        let size = socklen_t(MemoryLayout<ip_mreqn>.size)
        return isFine(setsockopt(sending, Int32(IPPROTO_IP), IP_ADD_MEMBERSHIP, &request, size))
    }

    /// Sends at once, or not at all: false then.
    func send(_ bytes: [UInt8], to endpoint: Endpoint) -> Bool {
        guard let address = SocketName(host: endpoint.host, port: endpoint.port) else { return false }
        return address.withPointer { name, length in
            sendto(sending, bytes, bytes.count, Int32(MSG_DONTWAIT), name, length)
        } == bytes.count
    }

    /// Sends to a group on one interface, on whose network it stays.
    ///
    /// To be called by one thread at a time.
    func send(_ bytes: [UInt8], toGroup endpoint: Endpoint, interface: Int) -> Bool {
        if isIPv6 {
            set(Int32(IPPROTO_IPV6), IPV6_MULTICAST_IF, Int32(truncatingIfNeeded: interface))
        } else {
            var request = ip_mreqn()
            request.imr_ifindex = Int32(truncatingIfNeeded: interface)
            let size = socklen_t(MemoryLayout<ip_mreqn>.size)
            guard setsockopt(sending, Int32(IPPROTO_IP), IP_MULTICAST_IF, &request, size) == 0 else { return false }
        }
        return send(bytes, to: endpoint)
    }

    /// Being a member already is fine.
    private func isFine(_ result: Int32) -> Bool { result == 0 || errno == EADDRINUSE }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        // Where an option can't be set, what needs it fails later and says so.
        _ = setsockopt(sending, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}

/// An address as the system calls take it.
private struct SocketName {
    private var storage = sockaddr_storage()
    private let length: socklen_t

    /// Nil for anything but an address in numbers; one of a link has its zone (`fe80::1%eth0`).
    init?(host: String, port: UInt16) {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &list) == 0, let found = list else { return nil }
        defer { freeaddrinfo(found) }
        length = found.pointee.ai_addrlen
        guard let name = found.pointee.ai_addr, Int(length) <= MemoryLayout<sockaddr_storage>.size else { return nil }
        withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: .init(start: name, count: Int(length))) }
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}

extension Endpoint {
    /// The sender of a datagram; nil for what is no address of a host.
    init?(sender: SocketAddress) {
        guard let host = sender.ipAddress, let port = sender.port.flatMap({ UInt16(exactly: $0) }) else { return nil }
        var zone = ""
        if host.lowercased().hasPrefix("fe80:"), let index = sender.zoneIndex {
            var name = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
            if if_indextoname(index, &name) != nil {
                zone = "%" + String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            }
        }
        self.init(host: host + zone, port: port)
    }
}

extension SocketAddress {
    /// The number of the link of an IPv6 address; it stands behind the family, the port, the flow and the address.
    fileprivate var zoneIndex: UInt32? {
        withSockAddr { address, length in
            guard length >= 28 else { return nil }
            let index = UnsafeRawPointer(address).loadUnaligned(fromByteOffset: 24, as: UInt32.self)
            return index == 0 ? nil : index
        }
    }
}
