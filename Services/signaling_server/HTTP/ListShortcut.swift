// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import Hummingbird
import MeshCore
import NIOCore
import NIOHTTP1

/// Answers the request for the whole list of devices where the connection is read, if the answer is at hand.
///
/// It is what a mesh asks for most often, and the same bytes for all. A request counts only if it is `GET /devices` and
/// says nothing that could make another answer; everything else goes its ordinary way, as does what comes while another
/// request is under way, so that the answers keep their order. That which is answered is what the ordinary way answers.
final class ListShortcut: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// So often a request goes the ordinary way nevertheless, lest the connection be taken for idle.
    private let interval: TimeAmount
    private let responder: SignalingResponder
    private let remote: Endpoint?
    /// Requests that went the ordinary way and are not answered.
    private var underWay = 0
    private var lastOrdinary = NIODeadline.now()
    /// To be sent when the request has ended.
    private var answer: ListAnswer?
    private var isToFlush = false
    private var lastHead = LastHead()

    init(_ responder: SignalingResponder, remote: Endpoint?, interval: TimeAmount) {
        (self.responder, self.remote, self.interval) = (responder, remote, interval)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            answer = underWay == 0 && context.channel.isWritable ? shortAnswer(to: head) : nil
            if answer == nil {
                underWay += 1
                lastOrdinary = .now()
                context.fireChannelRead(data)
            }
        case .body: if answer == nil { context.fireChannelRead(data) }
        case .end:
            if let answer { send(answer, context) } else { context.fireChannelRead(data) }
            answer = nil
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isToFlush { context.flush() }
        isToFlush = false
        context.fireChannelReadComplete()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { underWay = max(0, underWay - 1) }
        context.write(data, promise: promise)
    }

    private func shortAnswer(to head: HTTPRequestHead) -> ListAnswer? {
        guard head.isForWholeList, .now() - lastOrdinary < interval else { return nil }
        return responder.listAtHand(
            for: head.headers.first(name: "Host") ?? "",
            unless: head.headers.first(name: "If-None-Match"),
            from: remote
        )
    }

    private func send(_ answer: ListAnswer, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(lastHead.head(of: answer, at: .now))), promise: nil)
        if case .whole(let listing) = answer {
            context.write(wrapOutboundOut(.body(.byteBuffer(listing.body))), promise: nil)
        }
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
        isToFlush = true
    }
}

extension HTTPRequestHead {
    /// Headers that let a request be refused, end the connection, name somebody, or announce a body.
    private static let telling = [
        "Authorization", "Connection", "Content-Length", "Expect", "Signature", "Signature-Input", "Transfer-Encoding",
        "Upgrade",
    ]

    /// Whether it is a request of anybody for the whole list as JSON, and nothing besides.
    fileprivate var isForWholeList: Bool {
        uri == "/devices" && method == .GET && version == .http1_1 && headers["Host"].count == 1
            && AnswerForm(accept: headers.first(name: "Accept")) == .json
            && !Self.telling.contains { headers.contains(name: $0) }
    }
}

/// The head that was last sent, in the form that goes over the wire, for as long as it is right.
private struct LastHead {
    private var tag = ""
    private var length = 0
    private var second = 0
    private var head: HTTPResponseHead?

    mutating func head(of answer: ListAnswer, at now: Date) -> HTTPResponseHead {
        let second = Int(now.timeIntervalSince1970)
        if let head, second == self.second, answer.tag == tag, answer.length == length { return head }
        let response = answer.response
        var head = HTTPResponseHead(
            version: .http1_1,
            status: .init(statusCode: response.status.code),
            headers: HTTPHeaders(response.headers.map { ($0.name.rawName, $0.value) })
        )
        head.headers.add(name: "Date", value: now.httpText)
        (self.second, tag, length, self.head) = (second, answer.tag, answer.length, head)
        return head
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
