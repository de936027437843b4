// SPDX-License-Identifier: Apache-2.0

import Crypto
import NIOCore

/// A file of the chat page, which the program carries inside it.
struct WebAsset: Sendable {
    let path: String
    let type: String
    let bytes: ByteBuffer
    /// Names this content, so that a browser that has it need not be sent it again.
    let tag: String

    private init(_ path: String, _ type: String, _ bytes: [UInt8]) {
        self.path = path
        self.type = type
        self.bytes = ByteBuffer(bytes: bytes)
        let digest = SHA256.hash(data: bytes).prefix(12)
        tag = "\"" + digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\""
    }

    static func at(_ path: some StringProtocol) -> WebAsset? { all.first { $0.path == path } }

    static let all = [
        WebAsset("/", "text/html; charset=utf-8", PackageResources.index_html),
        WebAsset("/chat.css", "text/css; charset=utf-8", PackageResources.chat_css),
        WebAsset("/chat.js", "text/javascript; charset=utf-8", PackageResources.chat_js),
        WebAsset("/conversation.js", "text/javascript; charset=utf-8", PackageResources.conversation_js),
        WebAsset("/link.js", "text/javascript; charset=utf-8", PackageResources.link_js),
        WebAsset("/icon.svg", "image/svg+xml", PackageResources.icon_svg),
        WebAsset("/ping", "text/plain; charset=utf-8", Array("pong\n".utf8)),
    ]
}
