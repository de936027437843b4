// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import MeshCore
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// Answers where the connection is read what comes most often and needs no waiting: the whole list of devices, if it is at
/// hand, and heartbeats.
///
/// Everything else goes its ordinary way: another request, one that says more than it must, one that did not come whole at
/// once, and what comes while another is under way, so that the answers keep their order. What is answered here is what
/// the ordinary way answers.
final class ShortcutHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let responder: SignalingResponder
    private let remote: Endpoint?
    /// Requests that went the ordinary way and are not answered.
    private var underWay = 0
    /// A request that may be answered here, as far as it has come.
    private var held: (head: HTTPRequestHead, body: ByteBuffer)?
    /// Bytes of the answers that are written together when all has been read that came.
    private var unflushed = 0
    /// Answers that the client has not taken yet.
    private var untaken = 0
    /// The client says nothing more, which is told those behind when it has taken its answers: they would close at once.
    private var isEndHeld = false
    private var dates = DateHeader()

    /// A longer list goes the ordinary way, and so does what comes behind so many bytes of answers.
    static let longestAnswer = 64 * 1_024

    init(_ responder: SignalingResponder, remote: Endpoint?) {
        (self.responder, self.remote) = (responder, remote)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            if underWay == 0, context.channel.isWritable, unflushed < Self.longestAnswer, head.mayBeShort {
                held = (head, ByteBuffer())
            } else {
                passOn(head, context)
            }
        case .body(var part):
            if held?.body.writeBuffer(&part) == nil { context.fireChannelRead(data) }
        case .end:
            if let held, let answer = answer(to: held.head, held.body) {
                self.held = nil
                send(answer, context)
            } else {
                passOnHeld(context)
                context.fireChannelRead(data)
            }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Whose rest may take its time, which others watch over.
        passOnHeld(context)
        if unflushed > 0 { context.flush() }
        unflushed = 0
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if untaken > 0, event as? ChannelEvent == .inputClosed {
            isEndHeld = true
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { underWay = max(0, underWay - 1) }
        context.write(data, promise: promise)
    }

    private func passOn(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        underWay += 1
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    private func passOnHeld(_ context: ChannelHandlerContext) {
        guard let (head, body) = held else { return }
        held = nil
        passOn(head, context)
        if body.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(.body(body))) }
    }

    private func answer(to head: HTTPRequestHead, _ body: ByteBuffer) -> Answer? {
        guard head.method == .GET else {
            return (try? HTTPRequest(head, secure: false, splitCookie: false)).flatMap {
                responder.heartbeatAtOnce($0, body: body, from: remote)
            }
        }
        return responder.listAtHand(
            for: head.headers.first(name: "Host") ?? "",
            unless: head.headers.first(name: "If-None-Match"),
            from: remote
        )?.answer
    }

    private func send(_ answer: Answer, _ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(
            version: .http1_1,
            status: HTTPResponseStatus(statusCode: answer.status.code, reasonPhrase: answer.status.reasonPhrase),
            headers: HTTPHeaders(answer.headers)
        )
        head.headers.add(name: "Content-Length", value: "\(answer.body.readableBytes)")
        head.headers.add(name: "Date", value: dates.text(at: .now))
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if answer.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(answer.body))), promise: nil)
        }
        let taken = context.eventLoop.makePromise(of: Void.self)
        taken.futureResult.assumeIsolated().whenComplete { _ in self.wasTaken(context) }
        context.write(wrapOutboundOut(.end(nil)), promise: taken)
        untaken += 1
        unflushed += 256 + answer.body.readableBytes
    }

    private func wasTaken(_ context: ChannelHandlerContext) {
        untaken -= 1
        guard untaken == 0, isEndHeld else { return }
        isEndHeld = false
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
}

extension HTTPRequestHead {
    /// Headers that end the connection, or let the request be another than it seems.
    private static let telling = ["Connection", "Expect", "Transfer-Encoding", "Upgrade"]
    /// Those that name somebody who reads, or announce a body.
    private static let tellingReader = ["Authorization", "Content-Length", "Signature", "Signature-Input"]

    /// Whether it looks like one of those that are answered at once.
    fileprivate var mayBeShort: Bool {
        guard version == .http1_1, headers["Host"].count == 1, !Self.telling.contains(where: headers.contains(name:))
        else { return false }
        switch method {
        case .GET:
            return uri == "/devices" && AnswerForm(accept: headers.first(name: "Accept")) == .json
                && headers["If-None-Match"].count <= 1
                && !Self.tellingReader.contains(where: headers.contains(name:))
        case .POST:
            return uri.hasPrefix("/devices/") && uri.hasSuffix("/heartbeat")
                && headers.first(name: "Content-Length").map { Int($0) ?? .max } ?? 0 <= RegistrationLimits.body
        default: return false
        }
    }
}

/// The date that answers carry, written once a second.
private struct DateHeader {
    private var second = 0
    private var text = ""

    mutating func text(at now: Date) -> String {
        let second = Int(now.timeIntervalSince1970)
        if second != self.second { (self.second, text) = (second, now.httpText) }
        return text
    }
}

extension Date {
    /// The form that HTTP has for dates: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
    var httpText: String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.year, .month, .day, .weekday, .hour, .minute, .second], from: self)
        guard let year = parts.year, let month = parts.month, let day = parts.day, let weekday = parts.weekday,
            let hour = parts.hour, let minute = parts.minute, let second = parts.second
        else { return "" }
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let time = [hour, minute, second].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
        return "\(days[weekday - 1]), \(day < 10 ? "0" : "")\(day) \(names[month - 1]) \(year) \(time) GMT"
    }
}
