// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import NIOHTTP1

/// What is answered to an HTTP request that opens no WebSocket.
struct WebAnswer: Equatable {
    var status: HTTPResponseStatus
    var headers = HTTPHeaders()
    /// What GET gives; HEAD gives the same without it.
    var body = ByteBuffer()

    static let webSocketPath = "/ws"

    /// The answer to `request`, from a connection that is as private as `privacy` says.
    init(to request: HTTPRequestHead, privacy: RelaySession.Privacy, origins: OriginRule) {
        let path = request.uri.prefix { $0 != "?" }
        let asset = WebAsset.at(path)
        let isSocket = path == Self.webSocketPath
        if request.version.minor > 0, request.headers["Host"].count != 1 {
            self.init(.badRequest, "One Host field is needed.")
        } else if asset == nil, !isSocket {
            self.init(.notFound, "There is nothing here. The chat is at /.")
        } else if request.method != .GET, request.method != .HEAD {
            self.init(.methodNotAllowed, "Only GET and HEAD.")
            headers.add(name: "Allow", value: "GET, HEAD")
        } else if isSocket {
            self.init(toSocketRequest: request, origins)
        } else if let asset {
            self.init(asset, to: request, privacy: privacy)
        } else {
            self.init(.notFound, "")
        }
        headers.add(contentsOf: Self.guards)
    }

    /// Says why bytes were no request.
    init(to error: any Error) {
        let isTooMuch = error is WebBudget.Exceeded || error as? HTTPParserError == .headerOverflow
        self.init(isTooMuch ? .requestHeaderFieldsTooLarge : .badRequest, "This is no request that the relay takes.")
        headers.add(contentsOf: Self.guards)
    }

    private init(_ status: HTTPResponseStatus, _ words: String) {
        self.init(status, ByteBuffer(string: words + "\n"), ofType: "text/plain; charset=utf-8")
    }

    private init(_ status: HTTPResponseStatus, _ body: ByteBuffer, ofType type: String) {
        self.status = status
        self.body = body
        headers.add(name: "Content-Type", value: type)
        headers.add(name: "Cache-Control", value: "no-store")
    }

    private init(toSocketRequest request: HTTPRequestHead, _ origins: OriginRule) {
        guard origins.permits(request.headers) else {
            self.init(
                .forbidden,
                "This page may not talk to this relay. Its operator can allow it with --allow-origin."
            )
            return
        }
        self.init(.upgradeRequired, "This is for WebSocket (RFC 6455).")
        headers.add(name: "Upgrade", value: "websocket")
        headers.add(name: "Sec-WebSocket-Version", value: "13")
    }

    private init(_ asset: WebAsset, to request: HTTPRequestHead, privacy: RelaySession.Privacy) {
        if privacy == .needsTLS, let host = request.headers.first(name: "Host"), OriginRule.host(of: host) != nil {
            // The page asks for a password. The same port takes TLS.
            self.init(.temporaryRedirect, "Over TLS only.")
            headers.add(name: "Location", value: "https://\(host)\(asset.path)")
        } else {
            let isKnown = request.headers[canonicalForm: "If-None-Match"].contains { $0 == asset.tag }
            self.init(isKnown ? .notModified : .ok, isKnown ? ByteBuffer() : asset.bytes, ofType: asset.type)
            headers.replaceOrAdd(name: "Cache-Control", value: "no-cache")
            headers.add(name: "ETag", value: asset.tag)
        }
    }

    /// What keeps the page to itself.
    ///
    /// `Strict-Transport-Security` is not among them: it would hold for all ports of the host, and shut out what others
    /// serve there without TLS.
    private static let guards = HTTPHeaders([
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
                + "trusted-types 'none'"
        ),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", "require-corp"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ])
}
