// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A connection that was accepted and not yet let in: no event loop watches its socket, which is used as it is.
///
/// Belongs to the event loop that accepts.
struct Newcomer {
    private let channel: any Channel
    /// The channel's, which closes it; nil if it has none.
    private let socket: NIOBSDSocket.Handle?
    let arrived = NIODeadline.now()

    /// `channel` is not registered.
    init(_ channel: any Channel) {
        self.channel = channel
        let pipeline = channel.pipeline.syncOperations
        socket = try? pipeline.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
    }

    var address: SocketAddress? { channel.remoteAddress }

    /// What has come from it so far, which stays there; `buffer` is for this.
    func firstWords(_ buffer: inout ByteBuffer) -> FirstWords {
        receive(into: &buffer, Int32(MSG_PEEK))
        return FirstWords(buffer)
    }

    /// Says why not, and ends the connection; `buffer` is for this.
    ///
    /// What has come is taken first: closing while unread bytes are there would reset the connection and lose the words.
    func refuse(_ words: String, _ buffer: inout ByteBuffer) {
        receive(into: &buffer)
        var words = words
        if let socket { _ = words.withUTF8 { send(socket, $0.baseAddress, $0.count, Self.flags) } }
        close()
    }

    func close() {
        channel.close(promise: nil)
    }

    /// Its socket, for whom it is handed on to; nil if there can be no more files.
    ///
    /// It is a copy: a channel belongs to its event loop for good, and closes what it has.
    func handOver() -> NIOBSDSocket.Handle? {
        defer { close() }
        let copy = socket.map { fcntl($0, F_DUPFD_CLOEXEC, 0) }
        return copy.flatMap { $0 < 0 ? nil : $0 }
    }

    private func receive(into buffer: inout ByteBuffer, _ more: Int32 = 0) {
        buffer.clear()
        guard let socket else { return }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: FirstWords.length) { space in
            max(0, recv(socket, space.baseAddress, FirstWords.length, Self.flags | more))
        }
    }

    /// SwiftNIO sees to it that a socket whose other side is closed raises no signal.
    private static let flags = Int32(MSG_DONTWAIT)
}
